// Package e2e drives the built program as a person, an AI application and a server would: nothing in it
// imports McpMux. The tests build the binary once, start daemons with folders of their own on free ports,
// and talk to them through the command line and over HTTP.
//
// Programs by others that take part (MCP servers, the conformance suite and a Node to run them) are npm
// packages in fixtures/, which `make setup` installs.
package e2e

// Package keyringtest gives tests a real Secret Service: a session bus with gnome-keyring on it, whose files
// are in folders of the test, so that the keyring of whoever runs the tests is never touched. It is for Linux
// alone; elsewhere the package is empty.
//
// A test starts a Session, runs programs in its Env, and ends it; a second Session of the same Home finds
// what the first one kept. Deafen puts a service in gnome-keyring's place that asks a person and never hears.
// The D-Bus library keeps one connection to the session bus for the life of a process, so that programs under
// test are processes of their own.
package keyringtest

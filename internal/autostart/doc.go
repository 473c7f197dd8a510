// Package autostart has the system start McpMux when its user logs in: by a systemd user unit, or an XDG autostart entry
// where no systemd runs, on Linux; a LaunchAgent on macOS; a script in the Startup folder on Windows. All of them are one
// file of the user's, written and removed here; nothing needs an administrator, and nothing is started or stopped now.
package autostart

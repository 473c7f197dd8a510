// Package web holds the dashboard's page: three files that a browser runs as they are, without a build step.
// Nothing in it is trusted with a decision; it asks the admin API like the command line does.
package web

import "embed"

// Files are the page.
//
//go:embed index.html app.js style.css
var Files embed.FS

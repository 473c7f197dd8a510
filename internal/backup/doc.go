// Package backup is the file that a backup is: what store.Copy answers, in a form that another installation reads.
//
// A file is written and read whole. Its first line says what it is, in which version of the format, and the sha256 of the
// rest, so that a damaged file is told from a wrong passphrase. The second line is the Header, readable to everybody. What
// follows is the content: JSON, packed, and sealed with the key that the Header tells of. What is sealed is bound to the
// Header, so nothing of a file can be changed by who has no key.
//
// Without a passphrase nothing is sealed, and no secret is in the file: values that are secret are named there and have
// to be given again.
//
// The package does no I/O, and decides nothing about what is restored: that is the store's.
package backup

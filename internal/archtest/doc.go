// Package archtest holds the import rules of the house as a test. It has no code of its own: the tables in
// its test are the one place where an arrow between two packages, or the home of a dependency, is allowed.
package archtest

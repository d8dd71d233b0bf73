// Package strict reads YAML files in which nothing may be ignored: a key that stands twice, a second document, an anchor
// or a merge are errors with a file, a line and a column, and whoever wrote an unknown key is asked what was meant. What the keys
// are, and what their values may be, its users say.
package strict

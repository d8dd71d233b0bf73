// Package profile reads workloads that are kept as files: what the flags of a run can say, in YAML,
// with a name, where it comes from and what to expect of it.
//
// Reading is strict. A key that there is not, a value of the wrong kind and a key that stands twice are
// errors with a file, a line and a column, for a setting that is silently ignored makes another
// experiment of the one that was asked for.
//
// A Setting is the name of a flag and the text that would follow it. So a profile cannot say anything
// that the command line cannot, and what a file, a variant and the command line say is put together in
// one place, by one rule: Settings.Over. The package knows no flags' meanings, no files and no runs.
package profile

// Package bench carries out a plan against a broker: connect, probe, warm up,
// measure while clients come and go, drain, verify.
//
// A run has one orchestrating goroutine (Run) and one worker for each group of
// clients. The orchestrator waits for barriers and writes the result file; all
// that happens to clients happens on their worker, which is serial, so that the hot
// path takes no lock. The two meet once a second, when every worker hands over
// what it has recorded, and at the barriers, through counters.
//
// The package knows no flag and prints nothing.
package bench

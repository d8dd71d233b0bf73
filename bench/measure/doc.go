// Package measure is what was seen during a run: histograms and counters (Recorder, Collector),
// what became of every message (Ledger), what processes and the machine spent (Process, System),
// and whether all of that can be believed (Judge, Sane, QueueLimit).
//
// Recorders and the handles of a Ledger are owned by one group of clients each and take no lock:
// what two groups need of each other is exchanged once a second by handing over ownership, or when all is
// quiet. Nothing here prints, and nothing but the samplers reads a clock.
package measure

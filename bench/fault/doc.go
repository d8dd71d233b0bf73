// Package fault makes things go wrong on purpose, exactly as often as it says: so that a run can show what a
// broker does then, and so that the instrument can be held against what was really done.
//
// In one sentence: a Plan of faults, a Proxy that commits them between clients and a broker, and a Process that is
// the broker to be stopped and killed. Null is the broker that does next to nothing, for finding the generator's own ceiling;
// the relay, which only moves bytes, is for the kernel's floor.
//
// None of it needs root: a fault is committed where bytes pass, at the boundary of a Control Packet or inside
// one. What the network below could do to the bytes of a TCP connection, TCP would mend.
//
//	client ◄── down: pump ◄── judge ◄── read ──┐
//	       └── up:   read ──► judge ──► pump ──► broker
//
// Two kinds of faults stand side by side. A broken wire (Reset, Cut, Pause, ...) does what networks do, and every
// promise of MQTT must survive it. A lie (Drop, Forge, Corrupt, ...) makes an honest broker look like a broken one;
// it is there to be found, and a verdict that does not find exactly the lies told is wrong.
//
// The package knows no schedule, no ledger and no result file. It tells of every fault through a callback and
// leaves it to the caller to write it down.
package fault

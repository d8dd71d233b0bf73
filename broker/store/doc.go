// Package store keeps keys and values so that they survive kill -9. It knows no MQTT.
//
// In one sentence: a Batch is appended to the group that fills, one committer
// writes group after group to a log-structured store (pebble), and whoever
// subscribed is told the newest number that is durable.
//
//	Append ---> [ group that fills ] ---> [ groups that wait ] ---> committer ---> Subscribe
//	  |  copies, numbers, never waits                               one write and at most
//	  +--> pressure: more waits than MaxWaiting                     one fsync for a group
//
// Batches are numbered in the order of Append, from 1, on and on over restarts.
// They become durable in that order, each as a whole: after a crash the store
// holds what batches 1 to n did, for some n that is not less than the newest
// number that was reported. So an acknowledgement that has to wait for the disk
// is a number in a queue, and one comparison releases a run of them in order.
//
// # What durable means
//
// With Fsync the group's log record has been written and fdatasync has returned:
// it survives a loss of power, as far as the disk is honest. With OS write(2)
// has returned: it survives kill -9 and any crash of this process, not one of
// the machine. Pebble's own NoSync would not do for that, for it leaves
// the end of the log in a buffer of this process until a block of 32 KiB is
// full or somebody asks for a sync. So both levels ask for a sync, and with OS the
// files of the log ignore it (files.go).
//
// # Never a silent loss
//
// A store that was killed may end in half a record; pebble drops it without a word, and is
// right to: nobody was told that it is durable. But a log that lost its end to
// a bad disk or a careless hand looks the same. Therefore the newest number
// goes, before it is reported, to a small file of its own (mark.go), and every group
// carries its number inside. Open compares the two, and a store
// that has less than was reported is not opened unless Options.AcceptLoss
// says so; Recovery then says how much is gone. With OS a crash of the machine can take both
// together: for that Recovery says that the machine went down (boot.go).
//
// # Fail-stop
//
// After the first error in writing, reading back or compacting nothing more is
// reported as durable, and each subscriber is told the error once. An fsync
// is never repeated: the kernel may have dropped what it could not write, and
// the second call would report success. Such a store is abandoned, not closed:
// its lock is held until the process ends.
//
// # Goroutines and locks
//
// Open starts the committer and the watchman, who delivers an error even when the
// committer is stuck; Close waits for both. Pebble has its own.
//
//	mu         guards the groups. Held for a copy, never across I/O.
//	notifyMu   serialises the calls of subscribers, and guards their list.
//	measuring  lets one at a time look at the disk.
//
// They do not nest.
package store

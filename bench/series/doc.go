// Package series says what is run in which order, at which rates, and when enough is known.
//
// In one sentence: an Order of repetitions, the Levels of a sweep, a Search for the highest rate that is carried, an
// SLO that says what "carried" means, and a Criterion that says what is a regression.
//
// All of it is pure: nothing here starts a run, reads a clock or knows how a broker is started. Whoever carries out a
// series asks what comes next and tells how it went, so everything can be tested against brokers that
// are a formula.
package series

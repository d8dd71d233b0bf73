// Package report is how results are shown: on the terminal, as charts, as tables for other programs.
//
// It reads nothing but results, so a report made during a run and one made from its files years
// later are the same bytes. It computes no statistics; package result does.
package report

package result

// Breaks reports whether the class breaks a promise of MQTT.
func (c Class) Breaks() bool { panic("todo") }

// Kept reports whether no finding breaks a promise.
func (c *Contract) Kept() bool { panic("todo") }

// Count is how many deliveries were given the class.
func (c *Contract) Count(class Class) int64 { panic("todo") }

// Judge sets Outcome, Validity and ExitCode from the contracts, the gates, Steady and Interrupted.
// An Outcome of Failed stays. Exit codes: 0 valid and kept, 1 a contract broken or the run failed, 2 invalid,
// 3 noisy or not steady, 130 interrupted. 2 goes before 1: an instrument that is not to be trusted accuses nobody.
func (s *Summary) Judge() { panic("todo") }

// Total adds up the intervals of a phase; PhaseMeasure includes the deliveries and acceptances of the drain.
func Total(intervals []Interval, phase Phase) Totals { panic("todo") }

// NewProcessCost is the cost of a process: what it took over a stretch of seconds in which delivered messages were delivered.
func NewProcessCost(used Usage, seconds float64, delivered int64) *ProcessCost { panic("todo") }

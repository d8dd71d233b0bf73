package plan

// WithDefaults returns the plan with defaults in place of zero values that have one.
func (p Plan) WithDefaults() Plan { panic("todo") }

// Validate returns all contradictions of the plan at once, joined, one sentence each; nil if there
// are none. Call it on the result of WithDefaults.
func (p *Plan) Validate() error { panic("todo") }

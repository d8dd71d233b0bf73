package auth

import (
	"errors"
	"fmt"
	"iter"
	"strings"
)

// numbered yields the lines of a text from 1 on, without what ends them.
func numbered(text []byte) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		n := 0
		for line := range strings.Lines(string(text)) {
			n++
			if !yield(n, strings.TrimRight(line, " \t\r\n\v\f")) {
				return
			}
		}
	}
}

// problems are what is wrong with a file. Somebody who has to mend it wants to see all, but not thousands.
type problems struct {
	errs   []error
	unsaid int
}

const maxProblems = 20

func (p *problems) add(file string, line int, err error) {
	if len(p.errs) == maxProblems {
		p.unsaid++
		return
	}
	p.errs = append(p.errs, fmt.Errorf("%s:%d: %w", file, line, err))
}

func (p *problems) join() error {
	if p.unsaid > 0 {
		return errors.Join(append(p.errs, fmt.Errorf("and %d more", p.unsaid))...)
	}
	return errors.Join(p.errs...)
}

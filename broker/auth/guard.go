package auth

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
)

// Files are what a Guard is made of. "": there is none.
type Files struct {
	Passwords string
	ACL       string
}

// A Guard is what Files held when they were last read. Any goroutine may call it.
type Guard struct {
	files Files
	now   atomic.Pointer[contents]
}

type contents struct {
	passwords *Passwords
	acl       *ACL
}

// maxFile is the largest file that is read, bytes.
const maxFile = 256 << 20

// Open reads the files.
func (f Files) Open() (*Guard, error) {
	g := &Guard{files: f}
	return g, g.Reload()
}

// Reload reads the files again. If anything is wrong with one of them all stays as it was: half of a change may let in
// those whom the other half was to keep out.
func (g *Guard) Reload() error {
	var c contents
	var errs []error
	if name := g.files.Passwords; name != "" {
		text, err := readFile("password file", name)
		if err == nil {
			c.passwords, err = ParsePasswords(name, text)
		}
		errs = append(errs, err)
	}
	if name := g.files.ACL; name != "" {
		text, err := readFile("ACL file", name)
		if err == nil {
			c.acl, err = ParseACL(name, text)
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	g.now.Store(&c)
	return nil
}

func readFile(what, name string) ([]byte, error) {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", what, err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: %s is not a file", what, name)
	case info.Size() > maxFile:
		return nil, fmt.Errorf("%s: %s has %d bytes; the most is %d", what, name, info.Size(), maxFile)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return text, nil
}

// Passwords are those in force; nil: there is no such file.
func (g *Guard) Passwords() *Passwords {
	if g == nil {
		return nil
	}
	return g.now.Load().passwords
}

// ACL is the one in force; nil: there is no such file.
func (g *Guard) ACL() *ACL {
	if g == nil {
		return nil
	}
	return g.now.Load().acl
}

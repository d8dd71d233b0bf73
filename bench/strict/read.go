package strict

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// An Error says what is wrong with a file, and where.
type Error struct {
	File         string
	Line, Column int // From 1; 0: of the file as a whole.
	Text         string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.File, e.Text)
	}
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Text)
}

// MaxSize bounds a file, in bytes, and maxDepth how deep its brackets are nested: whoever gives a result file or a disk image by mistake is told so
// at once. The parser takes time with the square of both: 22 s for 60,000 keys, and a second for 20,000 brackets.
const (
	MaxSize  = 64 << 10
	maxDepth = 64
)

// A Reader reads one file. All its errors are of type *Error.
type Reader struct {
	File string // Its name, for errors.
	What string // What it is, as in "profile".
}

// Fault is an error at a place; nil: of the file as a whole.
func (r *Reader) Fault(at *token.Token, format string, args ...any) error {
	e := &Error{File: r.File, Text: fmt.Sprintf(format, args...)}
	if at != nil && at.Position != nil {
		e.Line, e.Column = at.Position.Line, at.Position.Column
	}
	return e
}

// Parse returns the one document of a file.
func (r *Reader) Parse(text []byte) (ast.Node, error) {
	if len(text) > MaxSize {
		return nil, r.Fault(nil, "this is %d bytes long, and no %s", len(text), r.What)
	}
	if at := tooDeep(text); at != nil {
		return nil, r.Fault(at, "more than %d brackets within each other, and no %s", maxDepth, r.What)
	}
	if at := notUTF8(text); at != nil {
		return nil, r.Fault(at, "this is not UTF-8, and no %s", r.What)
	}
	f, err := parser.ParseBytes(text, 0)
	var syntax yaml.Error
	switch {
	case errors.As(err, &syntax):
		return nil, r.Fault(syntax.GetToken(), "%s", syntax.GetMessage())
	case err != nil:
		return nil, r.Fault(nil, "%v", err)
	}
	docs := slices.DeleteFunc(f.Docs, func(d *ast.DocumentNode) bool { return d.Body == nil })
	switch len(docs) {
	case 0:
		return nil, r.Fault(nil, "it is empty")
	case 1:
		return docs[0].Body, nil
	}
	return nil, r.Fault(docs[1].Body.GetToken(), "a second document: a %s is one", r.What)
}

// tooDeep is where more than maxDepth brackets are open; nil: nowhere. Those in texts and comments are taken for brackets, too.
func tooDeep(text []byte) *token.Token {
	depth, line, start := 0, 1, 0
	for i, c := range text {
		switch c {
		case '[', '{':
			if depth++; depth > maxDepth {
				return &token.Token{Position: &token.Position{Line: line, Column: i - start + 1}}
			}
		case ']', '}':
			depth = max(0, depth-1)
		case '\n':
			line, start = line+1, i+1
		}
	}
	return nil
}

// notUTF8 is where text is not UTF-8; nil: nowhere.
func notUTF8(text []byte) *token.Token {
	line, start := 1, 0
	for i := 0; i < len(text); {
		c, size := utf8.DecodeRune(text[i:])
		switch {
		case c == utf8.RuneError && size == 1:
			return &token.Token{Position: &token.Position{Line: line, Column: i - start + 1}}
		case c == '\n':
			line, start = line+1, i+1
		}
		i += size
	}
	return nil
}

// A Pair is a key and its value.
type Pair struct {
	Key   string
	At    *token.Token // Of the key.
	Value ast.Node
}

// Pairs are those of a mapping, in their order. Anchors, aliases and merges are not for such files: what a file says
// should be seen where it stands. what names the mapping in errors.
func (r *Reader) Pairs(n ast.Node, what string) ([]Pair, error) {
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		return nil, r.Fault(n.GetToken(), "%s is not a list of keys and values", what)
	}
	var all []Pair
	seen := make(map[string]bool, len(values))
	for _, v := range values {
		key, ok := v.Key.(*ast.StringNode)
		if !ok {
			return nil, r.Fault(v.Key.GetToken(), "%s is not a name", v.Key)
		}
		if seen[key.Value] {
			return nil, r.Fault(key.GetToken(), "%s is here twice", key.Value)
		}
		seen[key.Value] = true
		all = append(all, Pair{key.Value, key.GetToken(), v.Value})
	}
	return all, nil
}

// Plain is a value as it stands in the file; ok is false if it is not a single value.
func Plain(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.StringNode:
		return n.GetToken().Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	}
	return "", false
}

// maxQuoted is how many bytes of a wrong value are repeated to its writer.
const maxQuoted = 40

// Quote is a value as an error about it repeats it.
func Quote(n ast.Node) string {
	said, ok := Plain(n)
	switch {
	case !ok, said == "":
		return "the value"
	case len(said) > maxQuoted:
		return said[:maxQuoted] + "..."
	}
	return said
}

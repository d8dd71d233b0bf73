package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/spf13/pflag"

	"mqttbench/bench/strict"
)

// A configuration file says what the flags say, under the same names. There is no list of its keys: they are
// the flags, and a new flag is a new key.

// commandOnly are the flags that make no sense in a file.
var commandOnly = []string{"config", "check", "print-config", "version", "help"}

// secret are the flags whose values are not shown.
var secret = []string{"password"}

// configKeys are the keys of a file.
func configKeys(s *pflag.FlagSet) (keys []string) {
	s.VisitAll(func(f *pflag.Flag) {
		if !slices.Contains(commandOnly, f.Name) && !f.Hidden {
			keys = append(keys, f.Name)
		}
	})
	return keys
}

// readConfig sets those flags that a file names and the command line does not. Errors are of type *strict.Error, or come from the
// file system.
func readConfig(s *pflag.FlagSet, file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	r := strict.Reader{File: file, What: "configuration"}
	root, err := r.Parse(text)
	if err != nil {
		return err
	}
	pairs, err := r.Pairs(root, "a configuration")
	if err != nil {
		return err
	}
	keys := configKeys(s)
	fresh := new(flags).set() // Wrong values are errors even where the command line has the last word.
	for _, p := range pairs {
		if slices.Contains(commandOnly, p.Key) {
			return r.Fault(p.At, "%s is for the command line alone", p.Key)
		}
		if !slices.Contains(keys, p.Key) {
			return r.Fault(p.At, "unknown key %q%s", p.Key, strict.DidYouMean(p.Key, keys))
		}
		if err := setFlag(&r, fresh, p); err != nil {
			return err
		}
		// What is so anyway is as if it were not said: a file with all flags must not be one that asks for all.
		if f := fresh.Lookup(p.Key); !s.Changed(p.Key) && f.Value.String() != f.DefValue {
			if err := setFlag(&r, s, p); err != nil {
				return err
			}
		}
	}
	return nil
}

func setFlag(r *strict.Reader, s *pflag.FlagSet, p strict.Pair) error {
	f := s.Lookup(p.Key)
	list, isList := p.Value.(*ast.SequenceNode)
	_, takesList := f.Value.(pflag.SliceValue)
	values := []ast.Node{p.Value}
	switch {
	case isList && !takesList:
		return r.Fault(p.Value.GetToken(), "%s: a list, where one value is wanted", p.Key)
	case isList && len(list.Values) == 0:
		return r.Fault(p.Value.GetToken(), "%s: the list is empty", p.Key)
	case isList:
		values = list.Values
	}
	for _, n := range values {
		text, complaint := flagText(f.Value.Type(), n)
		if complaint == "" {
			if err := s.Set(p.Key, text); err == nil {
				continue
			}
			complaint = "is not " + kindOf(f.Value.Type())
		}
		return r.Fault(n.GetToken(), "%s: %s %s", p.Key, strict.Quote(n), complaint)
	}
	return nil
}

// flagText turns a value of a file into what would follow a flag of a type.
func flagText(kind string, n ast.Node) (text, complaint string) {
	text, single := strict.Plain(n)
	ok := single
	switch kind {
	case "bool":
		_, ok = n.(*ast.BoolNode)
		ok = ok && (text == "true" || text == "false")
	case "duration":
		_, err := time.ParseDuration(text)
		ok = single && (err == nil || text == "0")
	case "string", "stringArray", "stringSlice":
		if _, isText := n.(*ast.StringNode); !isText && single {
			if _, isBlock := n.(*ast.LiteralNode); !isBlock {
				return "", "is not a text: put it in quotes"
			}
		}
	default: // Numbers. Decimal digits only: YAML reads 010 as 8, and nobody means that.
		_, isNumber := n.(*ast.IntegerNode)
		v, err := strconv.ParseInt(text, 10, 64)
		ok = isNumber && err == nil && strconv.FormatInt(v, 10) == text
	}
	if !ok {
		return "", "is not " + kindOf(kind)
	}
	return text, ""
}

// kindOf is what a value of a flag's type has to be.
func kindOf(kind string) string {
	switch kind {
	case "bool":
		return "true or false"
	case "duration":
		return "a duration such as 30s, 1m30s or 200ms"
	case "string", "stringArray", "stringSlice":
		return "a text"
	}
	return "a whole number that can be taken"
}

// printConfig writes a file that says what all flags say now.
func printConfig(w io.Writer, s *pflag.FlagSet) {
	s.VisitAll(func(f *pflag.Flag) {
		if slices.Contains(commandOnly, f.Name) || f.Hidden {
			return
		}
		_, usage := pflag.UnquoteUsage(f)
		fmt.Fprintf(w, "# %s\n", usage)
		if slices.Contains(secret, f.Name) && f.Value.String() != "" {
			fmt.Fprintf(w, "# %s is set, and not shown\n\n", f.Name)
			return
		}
		fmt.Fprintf(w, "%s%s: %s\n\n", commentIfEmpty(f), f.Name, yamlOf(f))
	})
}

// commentIfEmpty: an empty text means that the flag was not given, and some may not be given empty.
func commentIfEmpty(f *pflag.Flag) string {
	if v := f.Value.String(); v == "" || v == "[]" {
		return "#"
	}
	return ""
}

func yamlOf(f *pflag.Flag) string {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		var quoted []string
		for _, v := range list.GetSlice() {
			quoted = append(quoted, strconv.Quote(v))
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	}
	if f.Value.Type() == "string" {
		return strconv.Quote(f.Value.String())
	}
	return f.Value.String()
}

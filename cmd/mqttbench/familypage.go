package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"mqttbench/bench/report"
	"mqttbench/bench/result"
)

// readFamily reads what a profile of several workloads has left in a folder, in the order of its index. A folder without an index is read
// by the names of its folders and archives.
func readFamily(dir string) (*report.Family, error) {
	text, err := os.ReadFile(filepath.Join(dir, indexFile))
	if errors.Is(err, os.ErrNotExist) {
		return archivedFamily(dir)
	}
	if err != nil {
		return nil, err
	}
	var list index
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, indexFile), err)
	}
	f := &report.Family{Name: list.Profile}
	for _, m := range list.Runs {
		set := result.Workset{Name: m.Variant}
		folders, err := result.Folders(filepath.Join(dir, filepath.FromSlash(m.Dir)))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		for _, folder := range folders {
			r, err := result.Read(folder)
			if err != nil {
				return nil, err
			}
			set.Runs = append(set.Runs, r)
		}
		f.Members = append(f.Members, set)
	}
	f.Differences, err = result.OneMachine(f.Members)
	return f, err
}

// archivedFamily is a family whose runs name their workloads themselves.
func archivedFamily(dir string) (*report.Family, error) {
	sets, err := result.ReadMatrix(dir)
	if err != nil {
		return nil, err
	}
	f := &report.Family{}
	at := map[string]int{}
	for _, set := range sets {
		for _, r := range set.Runs {
			name, variant, _ := strings.Cut(r.Manifest.Profile, "/")
			if f.Name = cmp.Or(f.Name, name); f.Name != name {
				return nil, fmt.Errorf("%s: there are runs of the profiles %s and %s; a page is about one", dir, f.Name, cmp.Or(name, "(none)"))
			}
			if _, ok := at[variant]; !ok {
				at[variant] = len(f.Members)
				f.Members = append(f.Members, result.Workset{Name: variant})
			}
			m := &f.Members[at[variant]]
			m.Runs = append(m.Runs, r)
		}
	}
	f.Differences, err = result.OneMachine(f.Members)
	return f, err
}

// showFamily prints a family, and writes its page, and its charts beside it.
func showFamily(f *report.Family, page, format string, stdout io.Writer) error {
	if err := report.SaveFamily(page, f); err != nil {
		return err
	}
	switch format {
	case "json":
		return report.FamilyJSON(stdout, f)
	case "csv":
		return report.FamilyCSV(stdout, f)
	case markdown:
		return report.FamilyMarkdown(stdout, f)
	}
	width, color := terminal(stdout)
	err := report.FamilyTable(stdout, f, width, color)
	sayPage(stdout, page)
	return err
}

// oneBroker reports whether all runs of a family are of one broker: otherwise a matrix is what shows it.
func oneBroker(f *report.Family) bool {
	seen := map[string]bool{}
	for _, set := range f.Members {
		for _, r := range set.Runs {
			seen[r.Manifest.Broker.Label()] = true
		}
	}
	return len(seen) == 1
}

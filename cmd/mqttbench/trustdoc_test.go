package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestFaultsOfTheDocumentation: every fault that bench/trust.md shows can be asked for, and every word that there is stands in it.
func TestFaultsOfTheDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../bench/trust.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "\n## Faults\n")
	table, _, _ = strings.Cut(table, "\n## ")
	shown := map[string]bool{}
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(table, -1) {
		word, _, _ := strings.Cut(m[1], ":")
		word, _, _ = strings.Cut(word, "=")
		if _, known := faultWords[word]; !known {
			continue
		}
		shown[word] = true
		if strings.Contains(m[1], "...") || m[1] == word {
			continue
		}
		if _, err := parseFault(m[1]); err != nil {
			t.Error(err)
		}
	}
	for word := range faultWords {
		if !shown[word] {
			t.Errorf("%s is not in it", word)
		}
	}
}

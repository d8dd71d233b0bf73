package strict

import "fmt"

// DidYouMean is a question to append to a message about a name that there is not; "" if no known name
// is near enough to be meant.
func DidYouMean(name string, known []string) string {
	best, least := "", 1+len(name)/3
	for _, k := range known {
		// What has no letter in common is no slip of the pen.
		if d := distance(name, k); d < max(len(name), len(k)) && d <= least && (best == "" || d < least) {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance is how many letters must be inserted, deleted or replaced to make b of a (Levenshtein 1966).
func distance(a, b string) int {
	row := make([]int, len(b)+1) // Of the prefixes of b, for the prefix of a that has been looked at.
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := diagonal
			if a[i] != b[j] {
				d++
			}
			diagonal = row[j+1]
			row[j+1] = min(d, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}

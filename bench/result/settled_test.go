package result

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSettledLog: of a run whose measured part began with warm-up, what counts is what was said to count, for the Writer, for a reader of
// the folder and for one of an archive; the course over time has all of it.
func TestSettledLog(t *testing.T) {
	dir := t.TempDir()
	w, err := Create(filepath.Join(dir, "run"), sampleManifest())
	if err != nil {
		t.Fatal(err)
	}
	for _, iv := range sampleIntervals {
		if err := w.Interval(&iv, latencies(int(iv.Delivered)), latencies(int(iv.Delivered)/2)); err != nil {
			t.Fatal(err)
		}
	}
	w.Settled(latencies(1020), latencies(510))
	if err := w.Close(sampleSummary()); err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(dir, "runs"+ArchiveSuffix)
	if _, err := WriteArchive(archive, dir); err != nil {
		t.Fatal(err)
	}
	packed, err := ReadArchive(archive)
	if err != nil {
		t.Fatal(err)
	}
	read, err := Read(w.Run().Dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*Run{"writer": w.Run(), "folder": read, "archive": packed[0]} {
		if r.Response.Count() != 1020 || r.Service.Count() != 510 {
			t.Errorf("%s: %d response times, %d service times", name, r.Response.Count(), r.Service.Count())
		}
		if diff := cmp.Diff(QuantilesOf(latencies(1020)), r.Response.Quantiles()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	densities, err := read.Densities()
	if err != nil {
		t.Fatal(err)
	}
	sum := int64(0)
	for _, d := range densities {
		for _, n := range d.Counts {
			sum += n
		}
	}
	if len(densities) != len(sampleIntervals) || sum != 3000 { // 980 + 1000 + 900 + 120
		t.Errorf("%d deliveries in %d intervals", sum, len(densities))
	}
}

package report

import "mqttbench/bench/result"

// Charts draws the charts of one run into dir, each as SVG and PNG, and returns the paths of the files written.
// Charts for which the run has no data are left out.
func Charts(dir string, r *result.Run) ([]string, error) { panic("todo") }

// CompareCharts draws the charts of a comparison likewise.
func CompareCharts(dir string, c *result.Comparison) ([]string, error) { panic("todo") }

// Package result is what is kept: the result file, its reader, and the statistics over several.
//
// A run is a folder. It is written while the run goes on, so that a killed run can still be read:
//
//	result.jsonl    one JSON object a line: the manifest first, then intervals and events as they
//	                happen, the summary last
//	response.hlog   latency from the instant a message was due, an HdrHistogram V2 log, one line an interval
//	service.hlog    latency from the instant a message was sent, likewise
//	*.svg *.png     charts, added later; nothing reads them
//
// Numbers in files are in base units: seconds and bytes. Field names end in the unit where the name
// alone would leave doubt. Within a version fields may be added and never change their meaning; a
// reader ignores what it does not know. Whoever changes a meaning raises Version.
//
// The package knows no MQTT, no clock and no chart. All it does with time is to keep it.
package result

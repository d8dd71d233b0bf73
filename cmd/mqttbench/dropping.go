package main

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// dropping is what brokers log when they drop messages because a client's queue is full.
var dropping = []string{
	"Outgoing messages are being dropped for client", // mosquitto.
	"dropped_msg_due_to_mqueue_is_full",              // EMQX.
}

// mostLog is how much of a broker's log is read, bytes.
const mostLog = 16 << 20

// loggedDropping returns what looks for such a line in the log of a broker that was started for the run; nil: there is no log.
func (s *settings) loggedDropping() func() string {
	if s.source.command == "" {
		return nil
	}
	return func() string {
		log, err := os.Open(filepath.Join(s.out, brokerLog))
		if err != nil {
			return ""
		}
		defer log.Close()
		for lines := bufio.NewScanner(io.LimitReader(log, mostLog)); lines.Scan(); {
			for _, phrase := range dropping {
				if strings.Contains(lines.Text(), phrase) {
					return shorten(lines.Text())
				}
			}
		}
		return ""
	}
}

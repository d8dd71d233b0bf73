package result

// A Silence is what the broker did about a client that fell silent while its connection stood: a fault kept everything from the broker, PINGREQ
// included. It must end the connection after one and a half times the Keep Alive.
type Silence struct {
	Client     string  `json:"client"`
	Connection int     `json:"connection"`               // Of that client, from 1.
	KeepAlive  float64 `json:"keep_alive_s"`             // In force; 0: off.
	Grace      float64 `json:"grace_s"`                  // Given beyond 1.5 times that.
	Last       string  `json:"last_packet,omitempty"`    // That the broker received; "": not known.
	LastID     int     `json:"last_packet_id,omitempty"` // 0: it had none.
	Since      float64 `json:"since_s"`                  // When its last byte was sent.
	Waited     float64 `json:"waited_s"`                 // From then to the end of the connection, or to when nobody waited any more.
	End        string  `json:"end,omitempty"`            // FIN or RST; "": it did not end.
	Reason     string  `json:"reason,omitempty"`         // Of the DISCONNECT before it, with version 5.
	Noticed    string  `json:"noticed"`                  // One of the words below.
}

// Whether a broker noticed.
const (
	SilenceNoticed   = "noticed"   // In time.
	SilenceEarly     = "early"     // Before 1.5 times the Keep Alive, which is allowed, unless it says that this was why.
	SilenceUnnoticed = "unnoticed" // Not within 1.5 times the Keep Alive and the grace.
	SilenceUnknown   = "unknown"   // The run ended before, the generator stood still, or there is no Keep Alive.
)

// FalseTimeout reports whether the broker ended the connection early and said that the Keep Alive had been exceeded.
func (s *Silence) FalseTimeout() bool {
	return s.Noticed == SilenceEarly && s.Reason == KeepAliveTimeout
}

// KeepAliveTimeout is the Reason of a DISCONNECT 0x8D.
const KeepAliveTimeout = "Keep Alive timeout"

// An Overload is what says that the broker dropped messages at a limit of its queues. Without it, what was acknowledged and not
// delivered is lost.
type Overload struct {
	Evidence []string `json:"evidence"`          // In words.
	Counted  bool     `json:"counted,omitempty"` // The broker counts what it drops: Dropped.
	Dropped  int64    `json:"dropped,omitempty"` // During the run, by its own count.
}

package broker

import (
	"errors"
	"io"

	"mqttbench/broker/packet"
)

// A Cause is why the broker did not let a client in, or ended its connection.
type Cause uint8

const (
	CauseNone           Cause = iota // The client, or the network, ended it.
	CauseClients                     // Options.MaxClients.
	CauseSessions                    // Options.MaxSessions.
	CauseConnectRate                 // Options.ConnectRate.
	CauseConnectTimeout              // Options.ConnectTimeout.
	CauseCredentials                 // It may not enter.
	CauseVersion                     // A version of MQTT that is not spoken here.
	CauseIdentifier                  // Its Client Identifier.
	CauseKeepAlive                   // It was silent for too long.
	CauseTakenOver                   // Its Client Identifier came again.
	CausePacketSize                  // Options.MaxPacket.
	CauseReceiveMaximum              // Options.ReceiveMaximum.
	CauseTopicAlias                  // Options.TopicAliasMaximum.
	CauseTopicLevels                 // Options.MaxTopicLevels.
	CauseRetain                      // Options.NoRetain.
	CausePayload                     // Options.CheckPayload, of a Will Message.
	CauseQuota                       // Some other quota.
	CauseMalformed                   // A packet that is none.
	CauseProtocol                    // A packet that may not come, or not now.
	CauseShutdown                    // The broker ends.
	CauseOther

	NumCauses // How many there are.
)

var causeNames = [NumCauses]string{
	"none", "clients", "sessions", "connect_rate", "connect_timeout", "credentials", "version", "identifier",
	"keep_alive", "taken_over", "packet_size", "receive_maximum", "topic_alias", "topic_levels", "retain",
	"payload", "quota", "malformed", "protocol", "shutdown", "other",
}

// String is the cause as a metric's label has it.
func (c Cause) String() string { return causeNames[min(c, CauseOther)] }

var codeCauses = map[packet.ReasonCode]Cause{
	packet.MalformedPacket:            CauseMalformed,
	packet.ProtocolError:              CauseProtocol,
	packet.PacketTooLarge:             CausePacketSize,
	packet.ReceiveMaximumExceeded:     CauseReceiveMaximum,
	packet.TopicAliasInvalid:          CauseTopicAlias,
	packet.ConnectionRateExceeded:     CauseConnectRate,
	packet.TopicNameInvalid:           CauseTopicLevels,
	packet.RetainNotSupported:         CauseRetain,
	packet.PayloadFormatInvalid:       CausePayload,
	packet.QuotaExceeded:              CauseQuota,
	packet.UnsupportedProtocolVersion: CauseVersion,
	packet.ClientIdentifierNotValid:   CauseIdentifier,
	packet.BadUserNameOrPassword:      CauseCredentials,
	packet.NotAuthorized:              CauseCredentials,
	packet.Banned:                     CauseCredentials,
	packet.BadAuthenticationMethod:    CauseCredentials,
	packet.ServerShuttingDown:         CauseShutdown,
}

// causeOf is why a connection ended with err.
func causeOf(err error) Cause {
	var r *refusedPacket
	if errors.As(err, &r) {
		err = r.err
	}
	switch err {
	case nil, errGone, io.EOF:
		return CauseNone
	case errClients:
		return CauseClients
	case errSessions:
		return CauseSessions
	case errTakenOver:
		return CauseTakenOver
	case errSilent:
		return CauseKeepAlive
	case errNoConnect:
		return CauseConnectTimeout
	case errShuttingDown:
		return CauseShutdown
	}
	var e *packet.Error
	if !errors.As(err, &e) {
		return CauseNone
	}
	if c, ok := codeCauses[e.Code]; ok {
		return c
	}
	return CauseOther
}

// A refusedPacket is an error of the peer, together with what Closed can not know any more.
type refusedPacket struct {
	err    error
	at     packet.Type
	client string // Of a CONNECT that was refused.
}

func (r *refusedPacket) Error() string { return r.err.Error() }
func (r *refusedPacket) Unwrap() error { return r.err }

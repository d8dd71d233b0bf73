package broker

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"mqttbench/broker/packet"
)

var update = flag.Bool("update", false, "write conformance.md anew")

// A statement is a normative statement that binds a server. Its number differs from version to
// version; an empty one means that the version has no such statement (or none with a number).
type statement struct {
	v5, v3  string
	meaning string // In our words.
	tests   string // That show it; of other packages with their name. Empty: not covered, and why says so.
	why     string
}

// statements is the table that conformance.md is made of: go test -run Conformance -update.
var statements = []statement{
	// Data and packets
	{"1.5.4-1", "1.5.3-1", "Text that is not well-formed UTF-8 ends the connection.", "packet.TestRefusals", ""},
	{"1.5.4-2", "1.5.3-2", "So does U+0000 in it.", "packet.TestRefusals", ""},
	{"1.5.4-3", "1.5.3-3", "A byte order mark is kept as the character that it is.", "packet.TestStrings", ""},
	{"1.5.5-1", "", "Variable Byte Integers are in their shortest form.", "packet.TestRefusals packet.TestLimitsOfLength", ""},
	{"1.5.7-1", "", "Both halves of a string pair are text.", "packet.TestRefusals", ""},
	{"2.1.3-1", "2.2.2-1 2.2.2-2", "Reserved flags of the Fixed Header are as the table says; else the connection ends.", "packet.TestRefusals TestProtocolErrors", ""},
	{"2.2.1-2", "2.3.1-5", "PUBLISH at QoS 0 has no Packet Identifier.", "packet.TestVectors", ""},
	{"2.2.1-3", "2.3.1-1", "A Packet Identifier is not zero.", "packet.TestRefusals", ""},
	{"2.2.1-4", "2.3.1-4", "The server numbers a message with what is not in use.", "TestRule02UnusedIdentifier session.TestAllIdentifiersInFlight", ""},
	{"2.2.1-5", "2.3.1-6", "Acknowledgements carry the identifier of their PUBLISH.", "TestDeliver TestRule01IndependentIdentifiers", ""},
	{"2.2.1-6", "2.3.1-7", "SUBACK and UNSUBACK carry that of their request.", "TestSubackCodes TestResubscribeAndUnsubscribe", ""},
	{"2.2.2-1", "", "No properties are a Property Length of zero.", "packet.TestVectors", ""},

	// CONNECT
	{"3.1.0-1", "3.1.0-1", "The first packet is CONNECT.", "TestFirstPacketIsConnect", ""},
	{"3.1.0-2", "3.1.0-2", "A second CONNECT ends the connection.", "TestSecondConnect", ""},
	{"3.1.2-1", "3.1.2-1", "A wrong Protocol Name is refused.", "packet.TestRefusals", ""},
	{"3.1.2-2", "3.1.2-2", "A Protocol Version that is not offered is refused, in a form that may be understood.", "TestUnknownVersion packet.TestRefusedConnect", ""},
	{"3.1.2-3", "3.1.2-3", "The reserved Connect Flag is zero.", "packet.TestRefusals", ""},
	{"3.1.2-4", "3.1.2-6", "Clean Start throws away what there was.", "TestSessionPresent TestRule12SessionPresent", ""},
	{"3.1.2-5", "3.1.2-4", "Without Clean Start an existing session goes on.", "TestSessionPresent TestRule03ResendOnReconnect", ""},
	{"3.1.2-6", "3.1.2-4", "Where there is none, one begins.", "TestSessionPresent", ""},
	{"", "3.1.2-5", "A session that is kept stores QoS 1 and 2 messages for its client while it is away.", "TestOfflineQueue TestRule24AckIsOwnership", ""},
	{"", "3.1.2-7", "What is retained is no part of a session, and stays when it ends.", "TestRetainedOutlivesSession", ""},
	{"3.1.2-7", "3.1.2-8", "A Will Message is kept with its session.", "TestWill TestKilledOwesWills", ""},
	{"3.1.2-8", "3.1.2-8", "It is published when the connection ends, after its delay or with the session.", "TestWill TestWillDelay TestRule21Will", ""},
	{"3.1.2-9", "3.1.2-9", "With the Will Flag its fields are there.", "packet.TestRefusals", ""},
	{"3.1.2-10", "3.1.2-10", "A will that was published, or given up in order, is gone.", "TestWill TestRule21Will", ""},
	{"3.1.2-11", "3.1.2-11 3.1.2-13", "Without Will Flag, Will QoS is zero.", "packet.TestRefusals", ""},
	{"", "3.1.2-12", "Without Will Flag no will is published.", "TestNoWillUnasked", ""},
	{"3.1.2-12", "3.1.2-14", "Will QoS is not 3.", "packet.TestRefusals", ""},
	{"3.1.2-13", "3.1.2-15", "Without Will Flag, Will Retain is zero.", "packet.TestRefusals", ""},
	{"3.1.2-14", "3.1.2-16", "Without Will Retain the will is not retained.", "TestWill", ""},
	{"3.1.2-15", "3.1.2-17", "With it, it is.", "TestWillProperties", ""},
	{"3.1.2-16 3.1.2-17", "3.1.2-18 3.1.2-19", "A User Name is there if its flag is set, and only then.", "packet.TestRefusals", ""},
	{"3.1.2-18 3.1.2-19", "3.1.2-20 3.1.2-21", "So is a Password.", "packet.TestRefusals", ""},
	{"", "3.1.2-22", "No Password without User Name.", "packet.TestRefusals", ""},
	{"3.1.2-22", "3.1.2-24", "A client that is silent for one and a half times its Keep Alive is closed.", "TestKeepAlive", ""},
	{"3.1.2-21 3.2.2-21", "", "Where the server says a Server Keep Alive, that one holds.", "TestServerKeepAlive", ""},
	{"3.1.2-23", "", "A session with an expiry outlives its connection.", "TestSessionPresent TestSessionExpires TestRule13GrantedExpiry", ""},
	{"3.1.2-24", "", "The client's Maximum Packet Size is kept.", "TestRule22MaximumPacketSize TestMaximumPacketSizeOfClient", ""},
	{"3.1.2-25", "", "A message that exceeds it is dropped as if it had been sent.", "TestRule22MaximumPacketSize", ""},
	{"3.1.2-26 3.1.2-27", "", "The server uses no Topic Alias above the client's maximum, and none without one.", "TestAliasesOut TestPropertiesForwarded", ""},
	{"3.1.2-28", "", "Response Information only to those who ask.", "TestConnackProperties", ""},
	{"3.1.2-29", "", "Reason Strings in acknowledgements only to those who did not decline them.", "TestReasonString TestRule24WithoutReasonString", ""},
	{"3.1.2-30", "", "With an Authentication Method nothing but AUTH and DISCONNECT comes before CONNACK.", "TestEnhancedAuthenticationRefused", ""},
	{"3.1.3-1", "3.1.3-1", "The fields of the payload stand in their order.", "packet.TestVectors", ""},
	{"3.1.3-2", "3.1.3-2", "The Client Identifier names the session.", "TestRule26WholeIdentifier", ""},
	{"3.1.3-3", "3.1.3-3", "The Client Identifier is there.", "packet.TestRefusals", ""},
	{"3.1.3-4", "3.1.3-4", "It is text.", "packet.TestRefusals", ""},
	{"3.1.3-5", "3.1.3-5", "All letters and digits, up to 23, are let in; here any text is.", "TestRule26WholeIdentifier", ""},
	{"3.1.3-6 3.1.3-7", "3.1.3-6", "A client without an identifier is given one, and told.", "TestAssignedClientIdentifier", ""},
	{"", "3.1.3-7 3.1.3-8", "Not if it wants a session to be kept: then it is refused.", "TestConnectRefused", ""},
	{"3.1.3-8", "3.1.3-9", "An identifier that is refused is refused in CONNACK.", "TestConnectRefused", ""},
	{"3.1.3-9", "", "A client that is back before the Will Delay has passed takes its will back.", "TestWillDelay TestRule21Will", ""},
	{"3.1.3-10", "", "User Properties of a will keep their order.", "TestWillProperties", ""},
	{"3.1.3-11", "3.1.3-10", "The Will Topic is text.", "packet.TestRefusals", ""},
	{"3.1.3-12", "3.1.3-11", "The User Name is text.", "packet.TestRefusals", ""},
	{"3.1.4-1", "3.1.4-1", "A CONNECT that is not sound ends the connection.", "packet.TestRefusedConnect TestMalformedFlood", ""},
	{"3.1.4-2", "", "Who is not let in is closed.", "TestConnectRefused", ""},
	{"3.1.4-3", "3.1.4-2", "The same Client Identifier again ends the older connection.", "TestTakeOver", ""},
	{"3.1.4-4", "3.1.4-3", "Then Clean Start is looked at.", "TestSessionPresentAtTakeOver", ""},
	{"3.1.4-5", "3.1.4-4", "A CONNECT that is accepted is answered with CONNACK 0.", "TestConnectAllVersions", ""},
	{"3.1.4-6", "3.1.4-5", "What came behind a CONNECT that was refused is not looked at.", "TestRefusedConnectIsTheEnd", ""},

	// CONNACK
	{"3.2.0-1", "3.2.0-1", "CONNACK comes before everything else.", "TestRule09ConnackFirst", ""},
	{"3.2.0-2", "", "And once.", "TestSecondConnect", ""},
	{"3.2.2-1", "", "Its reserved flags are zero.", "packet.TestVectors", ""},
	{"3.2.2-2", "3.2.2-1", "After Clean Start, Session Present is 0.", "TestRule12SessionPresent", ""},
	{"3.2.2-3", "3.2.2-2 3.2.2-3", "Else it tells whether there was a session.", "TestRule12SessionPresent TestSessionPresent", ""},
	{"3.2.2-6", "3.2.2-4", "In a refusal it is 0.", "TestConnectRefused", ""},
	{"3.2.2-7", "3.2.2-5", "After a refusal the connection is closed.", "TestConnectRefused", ""},
	{"3.2.2-8", "3.2.2-6", "The Reason Code is one of the table; where 3.1.1 has none the connection just ends.", "TestConnectRefused packet.TestReasonTable packet.TestTranslate", ""},
	{"3.2.2-9 3.2.2-10 3.2.2-12", "", "What a server does that offers less than QoS 2.", "", "All of QoS 0, 1 and 2 is offered, and Maximum QoS is not sent."},
	{"3.2.2-14", "", "Nothing is retained where that is not offered: 0x9A.", "TestRule21Will", ""},
	{"3.2.2-13", "", "A will to be retained is refused where nothing is retained.", "TestRule21Will", ""},
	{"3.2.2-15", "", "What exceeds the server's Maximum Packet Size ends the connection.", "TestPacketTooLarge", ""},
	{"3.2.2-16", "", "An assigned identifier is nobody else's.", "TestAssignedClientIdentifier", ""},
	{"3.2.2-17 3.2.2-18", "", "A Topic Alias above the server's maximum, or where it has none, ends the connection with 0x94.", "TestProtocolErrors TestNoTopicAliases", ""},
	{"3.2.2-19 3.2.2-20", "", "Reason String and User Property do not make CONNACK too large: it carries neither.", "TestAnswersAreBare", ""},
	{"3.2.2-22", "", "Without a Server Keep Alive the client's own holds.", "TestKeepAlive", ""},

	// PUBLISH
	{"3.3.1-1", "3.3.1-1", "DUP is set when a message is sent again.", "TestRule03ResendOnReconnect", ""},
	{"3.3.1-2", "3.3.1-2", "DUP is 0 at QoS 0.", "packet.TestRefusals", ""},
	{"3.3.1-3", "3.3.1-3", "DUP of what came does not show in what leaves.", "TestDupIsNotForwarded", ""},
	{"3.3.1-4", "3.3.1-4", "QoS is not 3.", "TestProtocolErrors packet.TestRefusals", ""},
	{"3.3.1-5", "3.3.1-5", "With RETAIN a message takes the place of the one retained under its name.", "TestRetained", ""},
	{"", "3.3.1-6", "A new subscription gets the retained messages that it matches.", "TestRetained TestRule18RetainedIsNotClipped", ""},
	{"3.3.1-6", "3.3.1-10", "An empty one takes it away.", "TestRetained", ""},
	{"3.3.1-7", "3.3.1-11", "And is not retained itself.", "TestRetained", ""},
	{"3.3.1-8", "3.3.1-12", "Without RETAIN what is retained stays.", "TestRetained", ""},
	{"", "3.3.1-7", "A QoS 0 message to be retained replaces what was.", "TestRetained", ""},
	{"", "3.3.1-8", "RETAIN is set in what is sent because of a new subscription.", "TestRetained", ""},
	{"3.3.1-9 3.3.1-10 3.3.1-11", "", "Retain Handling 0, 1 and 2.", "TestRetainHandling", ""},
	{"3.3.1-12", "3.3.1-9", "RETAIN is 0 in what goes to established subscriptions.", "TestRetained TestRule17RetainAsPublished", ""},
	{"3.3.1-13", "", "Unless Retain As Published.", "TestRule17RetainAsPublished TestRetainAsPublished", ""},
	{"3.3.2-1", "3.3.2-1", "The Topic Name is the first field, and text.", "packet.TestVectors packet.TestRefusals", ""},
	{"3.3.2-2", "3.3.2-2", "It has no wildcards.", "packet.TestRefusals TestProtocolErrors", ""},
	{"3.3.2-3", "3.3.2-3", "What is sent to a subscription matches its Topic Filter.", "topic.TestMatchesSpecification topic.TestTreeAgainstModel", ""},
	{"3.3.2-4", "", "The Payload Format Indicator is forwarded.", "TestPropertiesForwarded", ""},
	{"3.3.2-5", "", "A message that expired before its delivery began is dropped.", "TestMessageExpiry TestRule07NoExpiryOnceSent", ""},
	{"3.3.2-6", "", "The interval that leaves is what is left.", "TestRule08ExpiryCountsDown", ""},
	{"3.3.2-7", "", "A Topic Alias ends with its connection.", "TestAliasEndsWithConnection TestAliasesOut", ""},
	{"3.3.2-8", "", "A Topic Alias is not 0.", "TestProtocolErrors", ""},
	{"3.3.2-9 3.3.2-12", "", "All aliases up to the server's maximum work, and none above.", "TestAliasAndIdentifierAbuse TestProtocolErrors", ""},
	{"3.3.2-11", "", "The client's maximum is kept.", "TestAliasesOut TestAliasesOutAtLimits", ""},
	{"3.3.2-13 3.3.2-14", "", "A Response Topic is a Topic Name.", "packet.TestRefusals", ""},
	{"3.3.2-15 3.3.2-16 3.3.2-17 3.3.2-20", "", "Response Topic, Correlation Data, User Properties and Content Type are forwarded.", "TestPropertiesForwarded", ""},
	{"3.3.2-18", "", "User Properties in their order.", "TestPropertiesForwarded", ""},
	{"3.3.2-19", "", "Content Type is text.", "packet.TestRefusals", ""},
	{"3.3.4-1", "3.3.4-1", "PUBLISH is answered as its QoS asks.", "TestDeliver", ""},
	{"3.3.4-2", "3.3.5-1", "Of overlapping subscriptions the highest QoS counts.", "TestRule15Overlap TestOverlap", ""},
	{"3.3.4-3 3.3.4-4", "", "Subscription Identifiers come along, all of them in one copy.", "TestRule15Overlap TestRule19RetainedOncePerSubscribe", ""},
	{"3.3.4-5", "", "Copies that are sent apart carry each its own.", "", "There is one copy."},
	{"3.3.4-6", "", "A client sends no Subscription Identifier in PUBLISH.", "TestRule20ProtocolErrors", ""},
	{"3.3.4-7", "", "A client keeps to the server's Receive Maximum.", "TestRule11ReceiveMaximumExceeded", ""},
	{"3.3.4-9", "", "The server keeps to the client's.", "TestRule10QuotaPerConnection TestReceiveMaximumOfClient", ""},
	{"3.3.4-10", "", "Only PUBLISH is held back by it.", "TestReceiveMaximumOfClient", ""},
	{"", "3.3.5-2", "What a client may not publish is acknowledged, or ends its connection.", "TestSubackCodes", ""},

	// Acknowledgements
	{"3.4.2-1 3.5.2-1 3.6.2-1 3.7.2-1", "", "Acknowledgements use the Reason Codes of their tables.", "packet.TestRefusals packet.TestReasonTable", ""},
	{"3.4.2-2 3.4.2-3 3.5.2-2 3.5.2-3 3.6.2-2 3.6.2-3 3.7.2-2 3.7.2-3", "", "Their properties do not make them too large: the only one is a Reason String, in PUBACK and PUBREC, where a session had no room.", "TestAnswersAreBare TestRule24WithoutReasonString", ""},
	{"3.6.1-1", "3.6.1-1", "PUBREL has its flags.", "packet.TestRefusals packet.TestVectors", ""},

	// SUBSCRIBE and UNSUBSCRIBE
	{"3.8.1-1", "3.8.1-1", "SUBSCRIBE has its flags.", "packet.TestRefusals", ""},
	{"3.8.3-1", "3.8.3-1", "Topic Filters are text.", "packet.TestRefusals", ""},
	{"", "3.8.3-2", "What a server does that has no wildcards.", "", "Wildcards are offered."},
	{"3.8.3-2", "3.8.3-3", "There is at least one.", "TestProtocolErrors packet.TestRefusals", ""},
	{"3.8.3-3", "", "No Local.", "TestNoLocal", ""},
	{"3.8.3-4", "", "Not on a shared subscription.", "TestRule20ProtocolErrors", ""},
	{"3.8.3-5", "3.8.3-4", "Reserved options are zero, and QoS is not 3.", "packet.TestRefusals", ""},
	{"3.8.4-1", "3.8.4-1", "SUBSCRIBE is answered with SUBACK.", "TestSubackCodes TestRule16SubackIsEffective", ""},
	{"3.8.4-2", "3.8.4-2", "With its identifier.", "TestSubackCodes", ""},
	{"3.8.4-3", "3.8.4-3", "The same Topic Filter again replaces, and no message is lost by it.", "TestResubscribeAndUnsubscribe", ""},
	{"3.8.4-4", "3.8.4-3", "Retained messages are sent again with it (as Retain Handling says).", "TestRetainHandling", ""},
	{"3.8.4-5", "3.8.4-4", "Several filters in one packet are as several packets, but for one answer.", "TestSubackCodes", ""},
	{"3.8.4-6", "", "Each filter has its code.", "TestSubackCodes", ""},
	{"3.8.4-7", "3.8.4-5", "The code is the QoS that is granted, or a refusal.", "TestSubackCodes TestLimitSubscriptions", ""},
	{"3.8.4-8", "3.8.4-6", "A message is sent with the lower of its QoS and the granted one.", "TestRule14LowerQoS TestDeliver", ""},
	{"3.9.2-1 3.9.2-2 3.11.2-1 3.11.2-2", "", "Properties do not make SUBACK and UNSUBACK too large: they carry none.", "TestAnswersAreBare", "If the codes alone are too many for the client, its connection ends with 0x95."},
	{"3.9.3-1", "3.9.3-1", "Codes stand in the order of the filters.", "TestSubackCodes", ""},
	{"3.9.3-2", "3.9.3-2", "They are from the table.", "packet.TestReasonTable packet.TestTranslate", ""},
	{"3.10.1-1", "3.10.1-1", "UNSUBSCRIBE has its flags.", "packet.TestRefusals", ""},
	{"3.10.3-1 3.10.3-2", "3.10.3-1 3.10.3-2", "Its filters are text, and there is one.", "packet.TestRefusals", ""},
	{"3.10.4-1", "3.10.4-1", "A filter ends the subscription that has the very same characters.", "TestResubscribeAndUnsubscribe", ""},
	{"3.10.4-2", "3.10.4-2", "No new messages are sent for it.", "TestResubscribeAndUnsubscribe TestRule16SubackIsEffective", ""},
	{"3.10.4-3", "3.10.4-3", "Exchanges that have begun are finished.", "TestUnsubscribeFinishes", ""},
	{"3.10.4-4 3.10.4-5", "3.10.4-4 3.10.4-5", "UNSUBSCRIBE is answered, with its identifier, also when nothing ended.", "TestResubscribeAndUnsubscribe", ""},
	{"3.10.4-6", "3.10.4-6", "Several filters are as several packets, but for one answer.", "TestUnsubscribeFinishes", ""},
	{"3.11.3-1 3.11.3-2", "", "UNSUBACK has a code for each, in their order, from the table.", "TestUnsubscribeFinishes packet.TestReasonTable", ""},

	// PINGREQ, DISCONNECT, AUTH
	{"3.12.4-1", "3.12.4-1", "PINGREQ is answered.", "TestConnectAllVersions", ""},
	{"3.14.0-1", "", "No DISCONNECT before CONNACK.", "TestFirstPacketIsConnect TestConnectRefused TestNoDisconnectBeforeConnack", ""},
	{"3.14.1-1", "3.14.1-1", "DISCONNECT has its flags.", "packet.TestRefusals", ""},
	{"3.14.2-1", "", "Its codes are from the table.", "packet.TestReasonTable", ""},
	{"3.14.2-2", "", "The server sends no Session Expiry Interval in it.", "TestProtocolErrors", ""},
	{"3.14.2-3", "", "A Reason String does not make it too large.", "TestReasonString", ""},
	{"3.14.2-4", "", "Nor do User Properties: there are none.", "TestAnswersAreBare", ""},
	{"3.14.4-3", "3.1.2-10 3.14.4-3", "DISCONNECT 0 takes the will back.", "TestWill TestRule21Will", ""},
	{"3.14.4-1 3.14.4-2", "", "After DISCONNECT the sender sends no more, and closes.", "TestProtocolErrors TestTakeOver", ""},
	{"3.15.1-1", "", "AUTH has its flags.", "packet.TestRefusals", ""},
	{"3.15.2-1", "", "Its codes are from the table.", "TestEnhancedAuthentication TestEnhancedAuthenticationRefused packet.TestReasonTable", ""},
	{"3.15.2-2 3.15.2-3", "", "Reason String and User Property do not make it too large: it carries neither.", "TestEnhancedAuthentication", ""},

	// Operational behaviour
	{"4.1.0-1", "4.1.0-1 4.1.0-2", "A session is not thrown away while its connection stands.", "TestRule13GrantedExpiry", ""},
	{"4.1.0-2", "", "It is when the connection is closed and its time has passed.", "TestRule13GrantedExpiry TestSessionExpires", ""},
	{"4.2-1", "7.1.1-1", "There is a transport that is ordered and loses nothing: TCP, TLS, WebSockets, a unix socket.", "TestFragments transport.TestSchemes TestWebSocket", ""},
	{"4.3.1-1", "4.3.1-1", "QoS 0 is sent once, without DUP.", "TestDeliver", ""},
	{"4.3.2-1 4.3.2-2 4.3.2-3", "4.3.2-1", "As a sender at QoS 1: an unused identifier, DUP 0, unacknowledged until PUBACK.", "TestRule02UnusedIdentifier TestRule03ResendOnReconnect", ""},
	{"4.3.2-4", "4.3.2-2", "As a receiver: PUBACK means that the message is ours.", "TestRule24AckIsOwnership", ""},
	{"4.3.2-5", "4.3.2-2", "After PUBACK the identifier stands for a new message.", "TestPubackFreesIdentifier", ""},
	{"4.3.3-1 4.3.3-2 4.3.3-3", "4.3.3-1", "As a sender at QoS 2: an unused identifier, DUP 0, unacknowledged until PUBREC.", "TestRule02UnusedIdentifier TestRule03ResendOnReconnect", ""},
	{"4.3.3-4", "4.3.3-1", "PUBREC is answered with PUBREL; one that refuses ends the exchange.", "TestPubrecRefuses TestDeliver", ""},
	{"4.3.3-5", "4.3.3-1", "PUBREL is unacknowledged until PUBCOMP.", "TestRule05OwedPubrel", ""},
	{"4.3.3-6", "4.3.3-1", "After PUBREL the PUBLISH is not sent again.", "TestRule05OwedPubrel", ""},
	{"4.3.3-7", "", "What was sent does not expire.", "TestRule07NoExpiryOnceSent", ""},
	{"4.3.3-8", "4.3.3-2", "As a receiver: PUBREC means that the message is ours.", "TestRule24AckIsOwnership", ""},
	{"4.3.3-9", "", "After a PUBREC that refuses, the identifier stands for a new message.", "TestSessionFull", ""},
	{"4.3.3-10", "4.3.3-2", "Until PUBREL the same identifier is the same message: PUBREC, and nothing delivered.", "TestRule04IncomingOnce TestQoS2Once", ""},
	{"4.3.3-11", "4.3.3-2", "PUBREL is answered with PUBCOMP.", "TestRule06PubrelAgain", ""},
	{"4.3.3-12", "4.3.3-2", "After it the identifier stands for a new message.", "TestRule04IncomingOnce", ""},
	{"4.3.3-13", "", "An exchange goes on when the message has expired.", "TestRule07NoExpiryOnceSent", ""},
	{"4.4.0-1", "4.4.0-1", "What is unacknowledged is sent again after a reconnect, with its identifier, and at no other time.", "TestRule03ResendOnReconnect TestRule05OwedPubrel session.TestEveryHistory", ""},
	{"4.4.0-2", "", "An acknowledgement that refuses ends the exchange, too.", "TestPubrecRefuses", ""},
	{"4.5.0-1", "4.5.0-1", "A message that was taken is added to the sessions of all whom it matches.", "TestRule24AckIsOwnership TestRule16SubackIsEffective", "Where a session is at its limits the message is refused or counted as dropped: see doc.go."},
	{"4.6.0-1", "4.6.0-1", "What is sent again is in its order.", "TestRule03ResendOnReconnect TestRule09Order", ""},
	{"4.6.0-2", "4.6.0-2", "PUBACKs in the order of what they acknowledge.", "TestAcksInOrder", ""},
	{"4.6.0-3", "4.6.0-3", "So PUBRECs.", "TestAcksInOrder", ""},
	{"4.6.0-4", "4.6.0-4", "PUBRELs in the order of the PUBRECs.", "TestAcksInOrder", ""},
	{"4.6.0-5 4.6.0-6", "4.6.0-5 4.6.0-6", "Every topic is ordered: one publisher's messages come in their order.", "TestRule09Order TestStorm", ""},
	{"4.7.0-1", "4.7.1-1", "Wildcards are for filters alone.", "packet.TestRefusals", ""},
	{"4.7.1-1", "4.7.1-2", "# is a whole level, and the last.", "packet.TestRefusals packet.TestNames", ""},
	{"4.7.1-2", "4.7.1-3", "+ is a whole level.", "packet.TestNames", ""},
	{"4.7.2-1", "4.7.2-1", "A wildcard in the first level does not match what begins with $.", "TestDollarTopics TestSysIsReserved", ""},
	{"4.7.3-1 4.7.3-2 4.7.3-3", "4.7.3-1 4.7.3-2 4.7.3-3", "Names and filters have a character, no U+0000, and at most 65,535 bytes.", "packet.TestRefusals TestGiantTopics", ""},
	{"4.7.3-4", "4.7.3-4", "Names are compared as they are, without normalisation.", "TestRule26WholeIdentifier topic.TestMatchesSpecification", ""},
	{"4.8.2-1 4.8.2-2", "", "How the filter of a shared subscription is made.", "packet.TestRefusals topic.TestShared", ""},
	{"4.8.2-3", "", "Each member's granted QoS counts.", "TestSharedQoS", ""},
	{"4.8.2-4", "", "An exchange is finished with the member that it was begun with.", "TestRule23SharedFinishes", ""},
	{"4.8.2-5", "", "If its session ends, nobody else gets the message.", "TestRule23SharedFinishes", ""},
	{"4.8.2-6", "", "A message that a member refuses is gone.", "TestRule23SharedFinishes", ""},
	{"4.9.0-1", "", "The send quota begins anew with each connection.", "TestRule10QuotaPerConnection", ""},
	{"4.9.0-2", "", "Without quota no PUBLISH of QoS 1 or 2 is sent.", "TestRule10QuotaPerConnection", ""},
	{"4.9.0-3", "", "Everything else goes on.", "TestReceiveMaximumOfClient", ""},
	{"4.12.0-1", "", "An Authentication Method that is not offered is refused with 0x8C.", "TestConnectRefused TestEnhancedAuthenticationRefused", ""},
	{"4.12.0-2 4.12.0-3", "", "While there is more to say both sides say it in AUTH with 0x18.", "TestEnhancedAuthentication TestEnhancedAuthenticationRefused TestSCRAM", ""},
	{"4.12.0-4", "", "The server may refuse at any point, and then closes.", "TestEnhancedAuthenticationRefused", ""},
	{"4.12.0-5", "", "Each AUTH and the CONNACK name the method of CONNECT.", "TestEnhancedAuthentication TestEnhancedAuthenticationRefused", ""},
	{"4.12.1-1", "", "A client may authenticate again, by the same method, while its other packets go on.", "TestEnhancedAuthentication TestEnhancedAuthenticationRefused", ""},
	{"4.12.1-2", "", "If that fails the connection ends.", "TestEnhancedAuthenticationRefused TestPahoGolangSCRAM", ""},
	{"4.12.0-6", "", "Without it there is no AUTH.", "TestProtocolErrors", ""},
	{"4.12.0-7", "", "A client that did not ask for it sends no AUTH.", "TestProtocolErrors TestEnhancedAuthenticationRefused", ""},
	{"4.13.1-1", "4.8.0-1", "A packet that is none, or may not come, ends the connection.", "TestProtocolErrors TestMalformedFlood", ""},
	{"", "4.8.0-2", "So does an error in passing that keeps a packet from being dealt with, as when the disk is full.", "TestDiskFull", ""},
	{"4.13.2-1", "", "An error in CONNACK or DISCONNECT ends the connection.", "TestProtocolErrors TestConnectRefused", ""},
	{"6.0.0-1", "6.0.0-1", "Over WebSocket, MQTT comes and goes in binary frames; any other ends the connection.", "TestWebSocket transport.TestStatus", ""},
	{"6.0.0-2", "6.0.0-2", "Packets need not begin or end where frames do.", "TestWebSocket transport.TestForeignWebSocket", ""},
	{"6.0.0-3 6.0.0-4", "6.0.0-3 6.0.0-4", "The subprotocol is mqtt: who does not offer it is not let in, and who does is answered with it.", "TestWebSocket transport.TestRefusedUpgrades", ""},

	// Conformance
	{"", "7.0.0-1", "A server that connects to others is a client, too.", "", "It connects to none."},
	{"", "7.0.0-2", "No extension is needed to work with others.", "TestPahoGo TestMosquittoClients TestPythonPaho", ""},
}

// A codeUse is a Reason Code that a server may send, and the tests that show where ours does.
type codeUse struct {
	code  packet.ReasonCode
	ident string // Its name in package packet.
	tests string // Empty: it is not sent, and why says so.
	why   string
}

const offered = "What it is for is offered."

var codeUses = []codeUse{
	{0x00, "Success", "TestConnectAllVersions TestDeliver", ""},
	{0x01, "GrantedQoS1", "TestSubackCodes TestDeliver", "Its number is the QoS."},
	{0x02, "GrantedQoS2", "TestSubackCodes TestDeliver", "Its number is the QoS."},
	{0x10, "NoMatchingSubscribers", "TestResubscribeAndUnsubscribe TestSharedPreference", ""},
	{0x11, "NoSubscriptionExisted", "TestResubscribeAndUnsubscribe TestUnsubscribeFinishes", ""},
	{0x18, "ContinueAuthentication", "TestEnhancedAuthentication", ""},
	{0x80, "UnspecifiedError", "", "There is always a code that says more. 3.1.1's SUBACK has only this one: TestSubackCodes."},
	{0x81, "MalformedPacket", "TestProtocolErrors packet.TestRefusals", ""},
	{0x82, "ProtocolError", "TestRule20ProtocolErrors TestProtocolErrors", ""},
	{0x83, "ImplementationSpecificError", "", "No packet that is right is refused for a reason of our own."},
	{0x84, "UnsupportedProtocolVersion", "TestUnknownVersion", ""},
	{0x85, "ClientIdentifierNotValid", "TestConnectRefused TestLastWordsAreHeard", "In 3.1.1 and 3.1; version 5 clients are given one."},
	{0x86, "BadUserNameOrPassword", "TestConnectRefused TestPasswordFile", ""},
	{0x87, "NotAuthorized", "TestSubackCodes TestAnswersAreBare TestEnhancedAuthenticationRefused", ""},
	{0x88, "ServerUnavailable", "", "A server that is not available does not listen."},
	{0x89, "ServerBusy", "", "Quota exceeded says of what there is too much."},
	{0x8A, "Banned", "TestConnectRefused", "By Options.Authenticate."},
	{0x8B, "ServerShuttingDown", "TestShutdown", ""},
	{0x8C, "BadAuthenticationMethod", "TestConnectRefused TestEnhancedAuthenticationRefused", ""},
	{0x8D, "KeepAliveTimeout", "TestKeepAlive TestServerKeepAlive", ""},
	{0x8E, "SessionTakenOver", "TestTakeOver", ""},
	{0x8F, "TopicFilterInvalid", "TestLimitTopicLevels", ""},
	{0x90, "TopicNameInvalid", "TestLimitTopicLevels", ""},
	{0x91, "PacketIdentifierInUse", "", "A PUBLISH whose identifier is in use is the same message again [MQTT-4.3.3-10]; other requests are answered before the next is read."},
	{0x92, "PacketIdentifierNotFound", "TestUnknownIdentifiers TestRule06PubrelAgain", ""},
	{0x93, "ReceiveMaximumExceeded", "TestRule11ReceiveMaximumExceeded", ""},
	{0x94, "TopicAliasInvalid", "TestProtocolErrors TestNoTopicAliases", ""},
	{0x95, "PacketTooLarge", "TestPacketTooLarge TestMaximumPacketSizeOfClient", ""},
	{0x96, "MessageRateTooHigh", "", "Rates are not limited; what a session cannot hold is Quota exceeded."},
	{0x97, "QuotaExceeded", "TestSessionFull TestMaxClients TestLimitSubscriptions TestRule24AckIsOwnership", ""},
	{0x98, "AdministrativeAction", "TestRecheck", ""},
	{0x99, "PayloadFormatInvalid", "TestCheckPayload", ""},
	{0x9A, "RetainNotSupported", "TestRule21Will", ""},
	{0x9B, "QoSNotSupported", "", offered},
	{0x9C, "UseAnotherServer", "", "There is no other."},
	{0x9D, "ServerMoved", "", "There is no other."},
	{0x9E, "SharedSubscriptionsNotSupported", "", offered},
	{0x9F, "ConnectionRateExceeded", "TestLimitConnectRate", ""},
	{0xA0, "MaximumConnectTime", "", "There is none."},
	{0xA1, "SubscriptionIdentifiersNotSupported", "", offered},
	{0xA2, "WildcardSubscriptionsNotSupported", "", offered},
}

// Every Reason Code that the specification knows is listed, but those that only clients send; and what is said not to be
// sent stands nowhere in the broker.
func TestConformanceOfReasonCodes(t *testing.T) {
	exists := testNames(t, map[string]string{"": ".", "packet.": "packet"})
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var broker []byte
	for _, file := range sources {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		broker = append(broker, text...)
	}
	listed := map[packet.ReasonCode]bool{packet.DisconnectWithWill: true, packet.ReAuthenticate: true} // Of clients.
	for _, u := range codeUses {
		listed[u.code] = true
		for _, name := range strings.Fields(u.tests) {
			if !exists[name] {
				t.Errorf("%v: there is no test %s", u.code, name)
			}
		}
		used := regexp.MustCompile(`packet\.` + u.ident + `\b`).Match(broker)
		if u.tests == "" && (used || u.why == "") {
			t.Errorf("%v is sent, or there is no reason why not", u.code)
		}
	}
	for n := range 256 {
		code := packet.ReasonCode(n)
		if known := !strings.HasPrefix(code.String(), "Reason Code 0x"); known != listed[code] {
			t.Errorf("0x%02X: in the table: %v; in the specification: %v", n, listed[code], known)
		}
	}
}

// numbers5 and numbers3 are all statements that the specifications number, by section: 1 to the figure
// that follows, unless it says from where. Their appendices list them; 5.0's calls 4.2-1 of the text
// 4.2.0-1, and 3.1.1's prints 3.8.3-4 with a slip.
const (
	numbers5 = `1.5.4:3 1.5.5:1 1.5.7:1 2.1.3:1 2.2.1:2-6 2.2.2:1 3.1.0:2 3.1.2:30 3.1.3:12 3.1.4:6 3.2.0:2 3.2.2:22
		3.3.1:13 3.3.2:20 3.3.4:10 3.4.2:3 3.5.2:3 3.6.1:1 3.6.2:3 3.7.2:3 3.8.1:1 3.8.3:5 3.8.4:8 3.9.2:2 3.9.3:2
		3.10.1:1 3.10.3:2 3.10.4:6 3.11.2:2 3.11.3:2 3.12.4:1 3.14.0:1 3.14.1:1 3.14.2:4 3.14.4:3 3.15.1:1 3.15.2:3
		4.1.0:2 4.2:1 4.3.1:1 4.3.2:5 4.3.3:13 4.4.0:2 4.5.0:2 4.6.0:6 4.7.0:1 4.7.1:2 4.7.2:1 4.7.3:4 4.8.2:6 4.9.0:3
		4.12.0:7 4.12.1:2 4.13.1:1 4.13.2:1 6.0.0:4`
	numbers3 = `1.5.3:3 2.2.2:2 2.3.1:7 3.1.0:2 3.1.2:24 3.1.3:11 3.1.4:5 3.2.0:1 3.2.2:6 3.3.1:12 3.3.2:3 3.3.4:1 3.3.5:2
		3.6.1:1 3.8.1:1 3.8.3:4 3.8.4:6 3.9.3:2 3.10.1:1 3.10.3:2 3.10.4:6 3.12.4:1 3.14.1:1 3.14.4:3 4.1.0:2 4.3.1:1
		4.3.2:2 4.3.3:2 4.4.0:1 4.5.0:2 4.6.0:6 4.7.1:3 4.7.2:1 4.7.3:4 4.8.0:2 6.0.0:4 7.0.0:2 7.1.1:1 7.1.2:1`
)

// clientsOnly are statements that bind clients, and whose violation a server cannot see or need not answer.
const (
	clientsOnly5 = `3.1.2-20 3.2.2-4 3.2.2-5 3.2.2-11 3.3.2-10 3.3.4-8 4.5.0-2`
	clientsOnly3 = `2.3.1-2 2.3.1-3 3.1.2-23 3.14.4-1 3.14.4-2 4.5.0-2 7.1.2-1`
)

// numbersOf is all numbers of a list like numbers5.
func numbersOf(t *testing.T, list string) map[string]bool {
	all := map[string]bool{}
	for _, field := range strings.Fields(list) {
		section, last, _ := strings.Cut(field, ":")
		from, to := 1, 0
		if _, err := fmt.Sscanf(last, "%d-%d", &from, &to); err != nil {
			from = 1
			if to, err = strconv.Atoi(last); err != nil {
				t.Fatal(field)
			}
		}
		for n := from; n <= to; n++ {
			all[fmt.Sprint(section, "-", n)] = true
		}
	}
	return all
}

// The table has every statement of the specifications that binds a server, and no other; each with a test
// that exists or with a reason; and conformance.md is what the table makes.
func TestConformance(t *testing.T) {
	packages := map[string]string{"": "."}
	for _, dir := range []string{"packet", "session", "topic", "transport"} {
		packages[dir+"."] = dir
	}
	exists := testNames(t, packages)
	for _, s := range statements {
		if s.tests == "" && s.why == "" {
			t.Errorf("%s %s: neither a test nor a reason", s.v5, s.v3)
		}
		for _, name := range strings.Fields(s.tests) {
			if !exists[name] {
				t.Errorf("%s %s: there is no test %s", s.v5, s.v3, name)
			}
		}
	}
	complete(t, "5.0", numbersOf(t, numbers5), clientsOnly5, func(s *statement) string { return s.v5 })
	complete(t, "3.1.1", numbersOf(t, numbers3), clientsOnly3, func(s *statement) string { return s.v3 })
	page := conformancePage()
	if *update {
		if err := os.WriteFile("conformance.md", page, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if had, err := os.ReadFile("conformance.md"); err != nil || !bytes.Equal(had, page) {
		t.Error("conformance.md is not what the table makes: go test -run Conformance -update")
	}
}

// complete checks that a column of the table and clientsOnly together are exactly all statements of a version.
func complete(t *testing.T, version string, all map[string]bool, clientsOnly string, column func(*statement) string) {
	listed := map[string]bool{}
	for i := range statements {
		for _, n := range strings.Fields(column(&statements[i])) {
			if !all[n] {
				t.Errorf("%s has no statement %s", version, n)
			}
			listed[n] = true
		}
	}
	for _, n := range strings.Fields(clientsOnly) {
		if !all[n] || listed[n] {
			t.Errorf("%s: %s binds clients only, and is in the table or in no specification", version, n)
		}
		listed[n] = true
	}
	for n := range all {
		if !listed[n] {
			t.Errorf("%s: statement %s is not in the table", version, n)
		}
	}
}

// testNames finds the tests of packages by reading their files.
func testNames(t *testing.T, dirs map[string]string) map[string]bool {
	names := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	for prefix, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no tests, %v", dir, err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range function.FindAllSubmatch(text, -1) {
				names[prefix+string(m[1])] = true
			}
		}
	}
	return names
}

func conformancePage() []byte {
	var covered, not bytes.Buffer
	with, without := [2]map[string]bool{{}, {}}, [2]map[string]bool{{}, {}}
	for _, s := range statements {
		count := with
		if s.tests == "" {
			count = without
		}
		for i, column := range []string{s.v5, s.v3} {
			for _, n := range strings.Fields(column) {
				count[i][n] = true
			}
		}
		five, three := strings.Join(strings.Fields(s.v5), ", "), strings.Join(strings.Fields(s.v3), ", ")
		if s.tests == "" {
			fmt.Fprintf(&not, "| %s | %s | %s | %s |\n", five, three, s.meaning, s.why)
			continue
		}
		meaning := s.meaning
		if s.why != "" {
			meaning += " " + s.why
		}
		fmt.Fprintf(&covered, "| %s | %s | %s | %s |\n", five, three, meaning, strings.Join(strings.Fields(s.tests), ", "))
	}
	var b, codes bytes.Buffer
	for _, u := range codeUses {
		tests := strings.Join(strings.Fields(u.tests), ", ")
		if tests == "" {
			tests = "Not sent."
		}
		fmt.Fprintf(&codes, "| 0x%02X | %v | %s | %s |\n", uint8(u.code), u.code, tests, u.why)
	}
	fmt.Fprintf(&b, `<!-- Made by "go test ./broker -run Conformance -update" from conformance_test.go. Do not edit. -->

# Conformance

The normative statements of MQTT 5.0 and 3.1.1 that bind a server, what each asks in one line, and the tests that show
it. Numbers are those of the specifications without their "MQTT-"; they differ between the versions. Statements that
bind only clients are left out, unless a server has to answer their violation. Tests of other packages carry their name.
A test checks that no statement is missing.

| | 5.0 | 3.1.1 |
|---|---|---|
| statements | 251 | 141 |
| bind clients only | %d | %d |
| shown by a test | %d | %d |
| deliberately not | %d | %d |

"TestRule01" to "TestRule26" are rules that brokers often break. How clients and suites that others wrote fare, beside other
brokers, is told by suites/run.

| 5.0 | 3.1.1 | Meaning | Tests |
|---|---|---|---|
%s
## Not covered, and why

| 5.0 | 3.1.1 | Meaning | Why |
|---|---|---|---|
%s
## Reason Codes

Those that a server may send [v5 2.4].

| | Reason Code | Tests | |
|---|---|---|---|
%s`, len(strings.Fields(clientsOnly5)), len(strings.Fields(clientsOnly3)), len(with[0]), len(with[1]), len(without[0]), len(without[1]),
		covered.String(), not.String(), codes.String())
	return b.Bytes()
}

// Package auth says who a client is and what it may do: password files and ACL files as
// mosquitto has them, SCRAM-SHA-256, and names from certificates.
//
// In one sentence: a Guard holds what the files say, its Passwords tell who somebody is, its
// ACL gives each of them Rights, and a Pool does the slow part beside the event loops.
//
// # Passwords
//
// A line is NAME:HASH. A HASH is one of
//
//	$7$ITERATIONS$SALT$HASH              PBKDF2 over HMAC-SHA-512, as mosquitto_passwd writes it
//	$6$SALT$HASH                         SHA-512 of the password and the salt, as mosquitto 1.6 wrote it
//	$argon2id$v=19$m=KIB,t=N,p=N$SALT$HASH
//	SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY
//
// with everything binary in base64. The last form is RFC 5803's; it serves both a User Name with a
// Password and the enhanced authentication of version 5, [v5 4.12].
//
// Unlike mosquitto, which drops a line that it cannot read and goes on, this package refuses the whole
// file: a user who is missing from it is noticed too late.
//
// # ACLs
//
// The grammar and the meaning are mosquitto's, and a test runs both over the same files. A rule is
//
//	topic   [read|write|readwrite|deny] FILTER
//	pattern [read|write|readwrite|deny] FILTER
//	user NAME
//
// Rules of "topic" before the first "user" are for clients without a User Name, those behind it for that user
// alone. Rules of "pattern" are for everybody, with %c for the Client Identifier and %u for the User Name. A
// client's topic rules are asked first, then the patterns; in each of the two, deny comes before all others, and
// otherwise the first rule that matches and grants decides. What no rule grants is denied.
//
// mosquitto grants every SUBSCRIBE, and looks at each message. Here a SUBSCRIBE is also refused, if no
// message that it asks for could ever be delivered: Rights.MaySubscribe.
//
// The package knows no packets, no connections and no sessions. It imports nothing of ours.
package auth

package auth

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"

	"mqttbench/broker/scram"
)

// A Kind is how a password is hashed.
type Kind uint8

const (
	PBKDF2   Kind = iota // $7$
	SHA512               // $6$
	Argon2id             // $argon2id$
	SCRAM                // SCRAM-SHA-256$
)

// Kinds are the names that ParseKind knows, those of mosquitto_passwd's -H first.
var kinds = map[string]Kind{"sha512-pbkdf2": PBKDF2, "sha512": SHA512, "argon2id": Argon2id, "scram-sha-256": SCRAM}

// ParseKind knows sha512-pbkdf2, sha512, argon2id and scram-sha-256.
func ParseKind(name string) (Kind, error) {
	k, ok := kinds[name]
	if !ok {
		return 0, fmt.Errorf("%q is none of sha512-pbkdf2, sha512, argon2id and scram-sha-256", name)
	}
	return k, nil
}

// A hash is what is kept of a password. It is immutable.
type hash struct {
	kind       Kind
	iterations int    // PBKDF2, SCRAM; of argon2id its time.
	memory     uint32 // argon2id, KiB.
	threads    uint8  // argon2id.
	salt       []byte
	sum        []byte // Of SCRAM the StoredKey.
	serverKey  []byte // SCRAM.
}

// Limits of what a file may ask for: one attempt to log in must not cost minutes or gigabytes.
const (
	maxIterations   = 10_000_000
	maxArgonTime    = 1000
	maxArgonMemory  = 2 << 20 // KiB
	maxHashPart     = 1024    // Bytes of a salt or a hash.
	sumSize         = 64      // SHA-512.
	scramPrefix     = "SCRAM-SHA-256$"
	scramKeySize    = 32
	minScramRounds  = 4096 // RFC 7677, section 4.
	smallestArgonKB = 8    // For each thread, RFC 9106 section 3.1.
)

// matches reports whether this is the hash of password. It takes as long as the file has asked for.
func (h *hash) matches(password []byte) bool {
	var sum []byte
	switch h.kind {
	case PBKDF2:
		sum = pbkdf2SHA512(password, h.salt, h.iterations)
	case SHA512:
		sum = saltedSHA512(password, h.salt)
	case Argon2id:
		sum = argon2.IDKey(password, h.salt, uint32(h.iterations), h.memory, h.threads, uint32(len(h.sum)))
	case SCRAM:
		var err error
		if sum, _, err = scramKeys(string(password), h.salt, h.iterations); err != nil {
			return false
		}
	}
	return subtle.ConstantTimeCompare(sum, h.sum) == 1
}

func pbkdf2SHA512(password, salt []byte, iterations int) []byte {
	sum, err := pbkdf2.Key(sha512.New, string(password), salt, iterations, sumSize)
	if err != nil {
		panic(err) // Only for lengths that the parser does not let pass.
	}
	return sum
}

// saltedSHA512 is mosquitto's own: the salt comes last, and there is one round.
func saltedSHA512(password, salt []byte) []byte {
	h := sha512.New()
	h.Write(password)
	h.Write(salt)
	return h.Sum(nil)
}

// scramKeys derives what a server keeps, RFC 5802 section 3. It fails for passwords that SASLprep forbids.
func scramKeys(password string, salt []byte, iterations int) (stored, server []byte, err error) {
	k, err := scram.Derive(password, salt, iterations)
	return k.Stored, k.Server, err
}

// parseHash reads what stands behind the name.
func parseHash(text string) (*hash, error) {
	switch {
	case strings.HasPrefix(text, "$7$"):
		return parsePBKDF2(text[3:])
	case strings.HasPrefix(text, "$6$"):
		return parseSalted(&hash{kind: SHA512}, text[3:])
	case strings.HasPrefix(text, "$argon2id$"):
		return parseArgon2id(strings.TrimPrefix(text, "$argon2id$"))
	case strings.HasPrefix(text, scramPrefix):
		return parseSCRAM(strings.TrimPrefix(text, scramPrefix))
	case text == "":
		return nil, errors.New("no password hash behind the user name")
	case text[0] != '$':
		return nil, errors.New("the password is not hashed")
	}
	return nil, errors.New("an unknown kind of password hash; known are $7$, $6$, $argon2id$ and SCRAM-SHA-256$")
}

func parsePBKDF2(text string) (*hash, error) {
	rounds, rest, ok := strings.Cut(text, "$")
	if !ok {
		return nil, errFields
	}
	n, err := number(rounds, "iterations", maxIterations)
	if err != nil {
		return nil, err
	}
	return parseSalted(&hash{kind: PBKDF2, iterations: n}, rest)
}

var errFields = errors.New("the password hash has not the fields of its kind")

// parseSalted reads SALT$HASH of SHA-512's length.
func parseSalted(h *hash, text string) (*hash, error) {
	salt, sum, ok := strings.Cut(text, "$")
	if !ok {
		return nil, errFields
	}
	var err error
	if h.salt, err = fromBase64(base64.StdEncoding, salt, "salt", 1, maxHashPart); err != nil {
		return nil, err
	}
	h.sum, err = fromBase64(base64.StdEncoding, sum, "hash", sumSize, sumSize)
	return h, err
}

// parseArgon2id reads v=19$m=,t=,p=$SALT$HASH: the form of the argon2 reference implementation, base64 without padding.
func parseArgon2id(text string) (*hash, error) {
	f := strings.Split(text, "$")
	if len(f) != 4 {
		return nil, errFields
	}
	if f[0] != "v=19" {
		return nil, fmt.Errorf("argon2 version %q; known is v=19", f[0])
	}
	h := &hash{kind: Argon2id}
	var memory, threads int
	costs := strings.Split(f[1], ",")
	if len(costs) != 3 {
		return nil, errFields
	}
	for i, c := range []struct {
		key  string
		to   *int
		most int
	}{{"m=", &memory, maxArgonMemory}, {"t=", &h.iterations, maxArgonTime}, {"p=", &threads, 255}} {
		digits, ok := strings.CutPrefix(costs[i], c.key)
		if !ok {
			return nil, errFields
		}
		n, err := number(digits, c.key, c.most)
		if err != nil {
			return nil, err
		}
		*c.to = n
	}
	if memory < smallestArgonKB*threads {
		return nil, fmt.Errorf("argon2 memory of %d KiB is too little for %d threads", memory, threads)
	}
	h.memory, h.threads = uint32(memory), uint8(threads)
	var err error
	if h.salt, err = fromBase64(base64.RawStdEncoding, f[2], "salt", 8, maxHashPart); err != nil {
		return nil, err
	}
	h.sum, err = fromBase64(base64.RawStdEncoding, f[3], "hash", 16, maxHashPart)
	return h, err
}

// parseSCRAM reads ITERATIONS:SALT$STOREDKEY:SERVERKEY.
func parseSCRAM(text string) (*hash, error) {
	how, keys, ok1 := strings.Cut(text, "$")
	rounds, salt, ok2 := strings.Cut(how, ":")
	stored, server, ok3 := strings.Cut(keys, ":")
	if !ok1 || !ok2 || !ok3 {
		return nil, errFields
	}
	n, err := number(rounds, "iterations", maxIterations)
	if err != nil {
		return nil, err
	}
	if n < minScramRounds {
		return nil, fmt.Errorf("%d iterations are fewer than the %d that SCRAM-SHA-256 wants", n, minScramRounds)
	}
	h := &hash{kind: SCRAM, iterations: n}
	if h.salt, err = fromBase64(base64.StdEncoding, salt, "salt", 1, maxHashPart); err != nil {
		return nil, err
	}
	if h.sum, err = fromBase64(base64.StdEncoding, stored, "StoredKey", scramKeySize, scramKeySize); err != nil {
		return nil, err
	}
	h.serverKey, err = fromBase64(base64.StdEncoding, server, "ServerKey", scramKeySize, scramKeySize)
	return h, err
}

// number reads a decimal number of 1 to most as nobody but a human would write it otherwise: no sign, no leading zero.
func number(digits, what string, most int) (int, error) {
	n, err := strconv.Atoi(digits)
	if err != nil || strconv.Itoa(n) != digits {
		return 0, fmt.Errorf("%s %.20q is no number", what, digits)
	}
	if n < 1 || n > most {
		return 0, fmt.Errorf("%s %d is not within 1 and %d", what, n, most)
	}
	return n, nil
}

func fromBase64(e *base64.Encoding, text, what string, least, most int) ([]byte, error) {
	b, err := e.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return nil, fmt.Errorf("the %s is not base64", what)
	}
	if len(b) < least || len(b) > most {
		return nil, fmt.Errorf("the %s has %d bytes, which is not within %d and %d", what, len(b), least, most)
	}
	return b, nil
}

// What new hashes are made with. argon2id: as OWASP has it for servers with little memory. PBKDF2: a hundred times mosquitto's, and a
// hundredth of a second; who wants it to cost more wants argon2id.
const (
	newSalt       = 16
	newIterations = 10_000
	newArgonTime  = 2
	newArgonKB    = 19 << 10
)

// newHash hashes a password with a salt of its own.
func newHash(k Kind, password []byte) (*hash, error) {
	h := &hash{kind: k, iterations: newIterations, salt: make([]byte, newSalt)}
	rand.Read(h.salt)
	switch k {
	case PBKDF2:
		h.salt = h.salt[:12] // mosquitto 2.0 takes no other length.
		h.sum = pbkdf2SHA512(password, h.salt, h.iterations)
	case SHA512:
		h.salt = h.salt[:12]
		h.sum = saltedSHA512(password, h.salt)
	case Argon2id:
		h.iterations, h.memory, h.threads = newArgonTime, newArgonKB, 1
		h.sum = argon2.IDKey(password, h.salt, newArgonTime, newArgonKB, 1, 32)
	case SCRAM:
		var err error
		if h.sum, h.serverKey, err = scramKeys(string(password), h.salt, h.iterations); err != nil {
			return nil, fmt.Errorf("a password that SCRAM cannot have: %w", err)
		}
	}
	return h, nil
}

// String is the hash as a file has it.
func (h *hash) String() string {
	b64 := base64.StdEncoding.EncodeToString
	raw := base64.RawStdEncoding.EncodeToString
	switch h.kind {
	case PBKDF2:
		return fmt.Sprintf("$7$%d$%s$%s", h.iterations, b64(h.salt), b64(h.sum))
	case SHA512:
		return fmt.Sprintf("$6$%s$%s", b64(h.salt), b64(h.sum))
	case Argon2id:
		return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", h.memory, h.iterations, h.threads, raw(h.salt), raw(h.sum))
	}
	return fmt.Sprintf("%s%d:%s$%s:%s", scramPrefix, h.iterations, b64(h.salt), b64(h.sum), b64(h.serverKey))
}

// same reports whether two entries of a file are one: whoever was let in by the old one would be by the new one.
func (h *hash) same(o *hash) bool {
	return h.kind == o.kind && h.iterations == o.iterations && h.memory == o.memory && h.threads == o.threads &&
		bytes.Equal(h.salt, o.salt) && bytes.Equal(h.sum, o.sum) && bytes.Equal(h.serverKey, o.serverKey)
}

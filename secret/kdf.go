package secret

import (
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// What a stored digest may ask for. The upper bounds keep a digest, wherever it
// was imported from, from becoming a bomb; the lower ones refuse what never was
// a slow hash.
const (
	maxSlowDigest = 256 // characters

	minArgonMemory, maxArgonMemory   = 1 << 10, 256 << 10 // KiB
	maxArgonTime, maxArgonThreads    = 10, 16
	maxBcryptCost                    = 14
	minIterations, maxIterations     = 1_000, 5_000_000 // PBKDF2
	minSaltLen, maxSaltLen           = 8, 64
	minHashLen, maxHashLen           = 16, 64
	bcryptLen, bcryptInput           = 60, 72 // characters of a digest; bytes that bcrypt reads
	argonMemory, argonTime, argonPar = 19456, 2, 1
	argonSalt, argonHash             = 16, 32
)

// kdf is a slow digest, read: a function and what it gave.
type kdf interface {
	// matches runs the function once, whatever the secret.
	matches(secret string) bool
	// current reports whether a new digest would be made the same way.
	current() bool
}

// readKDF reads a slow digest; ok is false if it is none, or out of bounds.
func readKDF(d Digest) (k kdf, ok bool) {
	if len(d) > maxSlowDigest {
		return nil, false
	}
	parts := strings.Split(string(d), "$")
	if len(parts) < 4 || parts[0] != "" {
		return nil, false
	}
	switch name, rest := parts[1], parts[2:]; name {
	case "argon2id":
		return readArgon(rest)
	case "2a", "2b", "2y":
		return readBcrypt(d)
	case "pbkdf2-sha256":
		return readPBKDF2(rest, sha256.New, sha256.Size)
	case "pbkdf2-sha512":
		return readPBKDF2(rest, sha512.New, sha512.Size)
	}
	return nil, false
}

// argonDigest is argon2id, RFC 9106.
type argonDigest struct {
	memory, time, threads int
	salt, hash            []byte
}

// readArgon reads "v=19", "m=19456,t=2,p=1", salt and hash.
func readArgon(parts []string) (kdf, bool) {
	if len(parts) != 4 || parts[0] != "v="+strconv.Itoa(argon2.Version) {
		return nil, false
	}
	n, ok := readParams(parts[1],
		param{"m", minArgonMemory, maxArgonMemory}, param{"t", 1, maxArgonTime}, param{"p", 1, maxArgonThreads})
	salt, saltOK := readBytes(parts[2], minSaltLen, maxSaltLen)
	hash, hashOK := readBytes(parts[3], minHashLen, maxHashLen)
	if !ok || !saltOK || !hashOK {
		return nil, false
	}
	return argonDigest{memory: n[0], time: n[1], threads: n[2], salt: salt, hash: hash}, true
}

// newArgon digests secret with the current parameters.
func newArgon(secret string, salt [argonSalt]byte) argonDigest {
	a := argonDigest{memory: argonMemory, time: argonTime, threads: argonPar, salt: salt[:]}
	a.hash = a.derive(secret, argonHash)
	return a
}

func (a argonDigest) derive(secret string, n int) []byte {
	return argon2.IDKey([]byte(secret), a.salt, uint32(a.time), uint32(a.memory), uint8(a.threads), uint32(n))
}

func (a argonDigest) matches(secret string) bool {
	return subtle.ConstantTimeCompare(a.derive(secret, len(a.hash)), a.hash) == 1
}

func (a argonDigest) current() bool {
	return a.memory == argonMemory && a.time == argonTime && a.threads == argonPar &&
		len(a.salt) >= argonSalt && len(a.hash) >= argonHash
}

func (a argonDigest) digest() Digest {
	b64 := base64.RawStdEncoding.EncodeToString
	return Digest(fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, a.memory, a.time, a.threads, b64(a.salt), b64(a.hash)))
}

// bcryptDigest is bcrypt as other systems made it; it is only ever replaced.
type bcryptDigest []byte

// readBcrypt reads "$2b$12$" and 53 characters of salt and hash.
func readBcrypt(d Digest) (kdf, bool) {
	if len(d) != bcryptLen || d[6] != '$' {
		return nil, false
	}
	cost, err := strconv.ParseUint(string(d[4:6]), 10, 8)
	if err != nil || cost < uint64(bcrypt.MinCost) || cost > maxBcryptCost {
		return nil, false
	}
	for i := 7; i < bcryptLen; i++ {
		if !isDigit[d[i]] && d[i] != '.' && d[i] != '/' {
			return nil, false
		}
	}
	return bcryptDigest(d), true
}

// matches refuses, at the usual cost, secrets that bcrypt cannot tell from
// others because it reads only their first 72 bytes.
func (b bcryptDigest) matches(secret string) bool {
	err := bcrypt.CompareHashAndPassword(b, []byte(secret[:min(len(secret), bcryptInput)]))
	return err == nil && len(secret) <= bcryptInput
}

func (bcryptDigest) current() bool { return false }

// pbkdf2Digest is PBKDF2, RFC 8018 §5.2, as other systems made it.
type pbkdf2Digest struct {
	hashOf     func() hash.Hash
	iterations int
	salt, hash []byte
}

// readPBKDF2 reads "i=600000", salt and hash. A hash longer than one output of
// the function would multiply the server's work and not the attacker's.
func readPBKDF2(parts []string, hashOf func() hash.Hash, size int) (kdf, bool) {
	if len(parts) != 3 {
		return nil, false
	}
	n, ok := readParams(parts[0], param{"i", minIterations, maxIterations})
	salt, saltOK := readBytes(parts[1], minSaltLen, maxSaltLen)
	hash, hashOK := readBytes(parts[2], minHashLen, size)
	if !ok || !saltOK || !hashOK {
		return nil, false
	}
	return pbkdf2Digest{hashOf: hashOf, iterations: n[0], salt: salt, hash: hash}, true
}

func (p pbkdf2Digest) matches(secret string) bool {
	got, err := pbkdf2.Key(p.hashOf, secret, p.salt, p.iterations, len(p.hash))
	return err == nil && subtle.ConstantTimeCompare(got, p.hash) == 1
}

func (pbkdf2Digest) current() bool { return false }

// param is a number that a digest must state, and its bounds.
type param struct {
	name        string
	least, most int
}

// readParams reads "m=19456,t=2,p=1": exactly the given names, in their order,
// as decimal numbers without sign or leading zero.
func readParams(s string, params ...param) ([]int, bool) {
	fields := strings.Split(s, ",")
	if len(fields) != len(params) {
		return nil, false
	}
	numbers := make([]int, len(params))
	for i, p := range params {
		text, named := strings.CutPrefix(fields[i], p.name+"=")
		n, err := strconv.Atoi(text)
		if !named || err != nil || strconv.Itoa(n) != text || n < p.least || n > p.most {
			return nil, false
		}
		numbers[i] = n
	}
	return numbers, true
}

// readBytes reads unpadded base64 that stands for least to most bytes and is
// spelled in the only way there is.
func readBytes(s string, least, most int) ([]byte, bool) {
	b, err := base64.RawStdEncoding.DecodeString(s)
	if err != nil || len(b) < least || len(b) > most {
		return nil, false
	}
	return b, base64.RawStdEncoding.EncodeToString(b) == s // not so with line breaks or stray bits
}

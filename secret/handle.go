package secret

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Kind says what a credential string is for. The set is closed.
type Kind string

// The kinds of credential.
const (
	PAT          Kind = "pat" // personal access token
	ClientSecret Kind = "cs"
	AccessToken  Kind = "at" // opaque access token
	RefreshToken Kind = "rt"
	Code         Kind = "ac" // authorization code
	DeviceCode   Kind = "dc"
)

// known reports whether k is one of the constants.
func (k Kind) known() bool {
	switch k {
	case PAT, ClientSecret, AccessToken, RefreshToken, Code, DeviceCode:
		return true
	}
	return false
}

// Handle is a credential in hand: either zero, or a well-formed string of some
// [Format]. It shows itself as REDACTED to every formatting verb, encoder and
// logger, also inside other values, and to code that walks values by
// reflection. Handles cannot be compared with ==: compare digests.
type Handle struct {
	redacted
	// A closure, because fmt, debuggers' dumpers and deep comparison follow
	// pointers and read unexported fields, but none can look inside a function.
	reveal func() string
}

// handleOf wraps s, which must be well formed.
func handleOf(s string) Handle {
	return Handle{reveal: func() string { return s }}
}

// Reveal returns the whole credential string, for the one response that
// discloses it. The zero Handle reveals the empty string.
func (h Handle) Reveal() string {
	if h.reveal == nil {
		return ""
	}
	return h.reveal()
}

// IsZero reports whether h holds no credential.
func (h Handle) IsZero() bool { return h.reveal == nil }

// Kind returns what the credential is for; empty for the zero Handle.
func (h Handle) Kind() Kind {
	head, _ := h.split()
	return Kind(head[strings.IndexByte(head, '_')+1:])
}

// Locator returns the 22 characters that find the credential's record. They are
// no secret. The zero Handle has the empty locator.
func (h Handle) Locator() string {
	_, tail := h.split()
	return tail[:min(locatorLen, len(tail))]
}

// split cuts "brand_kind_tail" into "brand_kind" and "tail".
func (h Handle) split() (head, tail string) {
	s := h.Reveal()
	if s == "" {
		return "", ""
	}
	cut := len(s) - tailLen
	return s[:cut-1], s[cut:]
}

// Hint returns enough of h for a person to recognise it in a list, and not
// more: its prefix and its last four characters, "acme_cs_...x9Qz". Those belong
// to the checksum, so a hint gives away no character of the secret, and 24 of
// its 256 bits at most.
func Hint(h Handle) string {
	if h.IsZero() {
		return ""
	}
	s := h.Reveal()
	return s[:len(s)-tailLen] + "..." + s[len(s)-4:]
}

// redactedText is what is shown in place of a secret.
const redactedText = "REDACTED"

// redacted, embedded first, makes a type show itself as REDACTED.
type redacted struct{}

// String returns REDACTED.
func (redacted) String() string { return redactedText }

// GoString returns REDACTED.
func (redacted) GoString() string { return redactedText }

// Format writes REDACTED, whatever the verb.
func (redacted) Format(w fmt.State, _ rune) { io.WriteString(w, redactedText) }

// MarshalJSON returns "REDACTED".
func (redacted) MarshalJSON() ([]byte, error) { return []byte(`"` + redactedText + `"`), nil }

// MarshalText returns REDACTED.
func (redacted) MarshalText() ([]byte, error) { return []byte(redactedText), nil }

// LogValue returns REDACTED.
func (redacted) LogValue() slog.Value { return slog.StringValue(redactedText) }

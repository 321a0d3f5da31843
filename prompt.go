package grantor

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grantor-go/grantor/oautherr"
)

// Values of prompt, OpenID Connect Core §3.1.2.1.
const (
	promptNone          = "none"
	promptLogin         = "login"
	promptConsent       = "consent"
	promptSelectAccount = "select_account"
)

func checkPrompt(a *authorization) error {
	a.prompt = strings.Fields(a.form.Value("prompt"))
	for _, p := range a.prompt {
		switch p {
		case promptNone, promptLogin, promptConsent, promptSelectAccount:
		default:
			return oautherr.InvalidRequest.Because(nil, "this prompt is not known")
		}
	}
	if len(a.prompt) > 1 && slices.Contains(a.prompt, promptNone) {
		return oautherr.InvalidRequest.Because(nil, "prompt none cannot be combined")
	}
	return nil
}

// checkMaxAge reads max_age: a number of seconds in canonical decimal, at most
// ten digits.
func checkMaxAge(a *authorization) error {
	v := a.form.Value("max_age")
	if v == "" {
		return nil
	}
	n, err := strconv.ParseUint(v, 10, 32)
	if err != nil || v != strconv.FormatUint(n, 10) {
		return oautherr.InvalidRequest.Because(err, "max_age is not a number of seconds")
	}
	a.maxAge = time.Duration(n) * time.Second
	return nil
}

// asks reports whether the prompt parameter has the value.
func (a *authorization) asks(prompt string) bool { return slices.Contains(a.prompt, prompt) }

// originOf is as much of a URI that is not registered as may be logged: its path
// and query may hold anything.
func originOf(uri string) string {
	u, err := url.Parse(uri)
	switch {
	case uri == "":
		return ""
	case err != nil:
		return "not a URI"
	}
	return u.Scheme + "://" + u.Host
}

// provable reports whether the redirect URI itself proves who receives the code,
// so that a request needs no person to look at it: a confidential client must
// authenticate to use the code, and an https URI belongs to its owner. What a
// public client registered on a device anybody can imitate (RFC 8252 §8.6).
func (a *authorization) provable() bool {
	return !a.client.Public() || strings.HasPrefix(a.redirectURI, "https://") && !a.onDevice()
}

// onDevice reports whether the answer goes to a program on the person's own
// device: to a loopback address, or to a scheme that a program there registered.
func (a *authorization) onDevice() bool {
	u, err := url.Parse(a.redirectURI)
	return err != nil || u.Scheme != "https" && u.Scheme != "http" || loopback(u.Hostname())
}

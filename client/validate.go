package client

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// A FieldError is one problem of one field of a Client.
type FieldError struct {
	Field   string // the name of the field of Client
	Problem string // what is wrong and what to do, a predicate: "is empty; …"
}

// Error is the field followed by its problem.
func (e *FieldError) Error() string { return e.Field + " " + e.Problem }

// Validate returns every problem of the client, as *FieldErrors joined, or nil.
func (c *Client) Validate() error {
	v := validation{c: c}
	v.identity()
	v.authentication()
	v.grants()
	v.redirects()
	v.scopes()
	v.origins()
	return errors.Join(v.problems...)
}

type validation struct {
	c        *Client
	problems []error
}

func (v *validation) say(field, format string, args ...any) {
	v.problems = append(v.problems, &FieldError{Field: field, Problem: fmt.Sprintf(format, args...)})
}

func (v *validation) identity() {
	switch c := v.c; {
	case c.ID == "":
		v.say("ID", "is empty; every client needs one")
	case !validID(c.ID):
		v.say("ID", "must be 1 to 255 printable ASCII characters")
	}
	if t := v.c.ApplicationType; t != "" && t != Web && t != Native {
		v.say("ApplicationType", "is %q; use %q or %q", t, Web, Native)
	}
	if len(v.c.Principal) > 255 {
		v.say("Principal", "is longer than 255 bytes")
	}
}

func (v *validation) authentication() {
	c := v.c
	wantsSecret := c.MayAuthenticateBy(MethodSecretBasic) || c.MayAuthenticateBy(MethodSecretPost)
	if slices.Contains(c.AuthMethods, MethodNone) && len(c.AuthMethods) > 1 {
		v.say("AuthMethods", "mixes %q with others; a client either can keep a credential or cannot", MethodNone)
	}
	if slices.Contains(c.AuthMethods, "client_secret_jwt") {
		v.say("AuthMethods", "has client_secret_jwt, which needs the secret in plain text; use private_key_jwt")
	}
	if wantsSecret && len(c.Secrets) == 0 {
		v.say("Secrets", "is empty; a client that authenticates by secret needs one, and a public client says AuthMethods: {%q}", MethodNone)
	}
	if !wantsSecret && len(c.Secrets) > 0 {
		v.say("Secrets", "is set, but AuthMethods has no method that uses a secret")
	}
	slow := 0
	for i, s := range c.Secrets {
		if !s.Digest.Known() {
			v.say("Secrets", "has a digest at index %d that is none of the forms of secret.Digest; make it with secret.Checker, a secret in plain text does not belong here", i)
		}
		if s.Digest.Slow() {
			slow++
		}
	}
	if slow > 1 {
		v.say("Secrets", "has %d imported digests; at most one is checked per request, so keep one and generate the rest", slow)
	}
}

func (v *validation) grants() {
	c := v.c
	if c.Public() && c.MayUse(ClientCredentials) {
		v.say("GrantTypes", "has client_credentials, which a public client cannot use (RFC 6749 §4.4)")
	}
	if c.Public() && c.MayUse(Password) {
		v.say("GrantTypes", "has password, which a public client cannot use here")
	}
	if c.MayUse("implicit") {
		v.say("GrantTypes", "has implicit, which OAuth 2.1 removed; use authorization_code")
	}
	if c.Public() && c.InsecureWithoutPKCE {
		v.say("InsecureWithoutPKCE", "is set on a public client, whose codes nothing else protects")
	}
	if c.Public() && c.IntrospectAny {
		v.say("IntrospectAny", "is set on a public client, which cannot prove that it is the resource server")
	}
}

func (v *validation) redirects() {
	c := v.c
	if c.MayUse(AuthorizationCode) && len(c.RedirectURIs) == 0 {
		v.say("RedirectURIs", "is empty; authorization_code needs at least one")
	}
	if !c.MayUse(AuthorizationCode) && len(c.RedirectURIs) > 0 {
		v.say("RedirectURIs", "is set, but GrantTypes has no grant that redirects")
	}
	for _, uri := range c.RedirectURIs {
		if problem := c.redirectProblem(uri); problem != "" {
			v.say("RedirectURIs", "has %q, which %s", uri, problem)
		}
	}
}

func (v *validation) scopes() {
	for _, s := range v.c.Scopes {
		if !ValidScope(s) {
			v.say("Scopes", "has %q, which is not a scope-token (RFC 6749 §3.3)", s)
		}
	}
	for _, s := range v.c.DefaultScopes {
		if !v.c.MayAsk(s) {
			v.say("DefaultScopes", "has %q, which is not in Scopes", s)
		}
	}
}

func (v *validation) origins() {
	for _, o := range v.c.AllowedOrigins {
		u, err := url.Parse(o)
		if err != nil || u.Scheme == "" || u.Host == "" || o != u.Scheme+"://"+u.Host || o != strings.ToLower(o) {
			v.say("AllowedOrigins", "has %q; write scheme://host[:port] in lower case and nothing else", o)
		}
	}
}

// ValidScope reports whether s is a scope-token of RFC 6749 §3.3: printable
// ASCII without space, quotation mark and backslash, 1 to 255 bytes.
func ValidScope(s string) bool {
	if s == "" || len(s) > 255 {
		return false
	}
	for i := range len(s) {
		if b := s[i]; b <= ' ' || b > '~' || b == '"' || b == '\\' {
			return false
		}
	}
	return true
}

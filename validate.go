package grantor

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/grantor-go/grantor/client"
	"github.com/grantor-go/grantor/token"
)

// A ConfigError is one problem of a Config.
type ConfigError struct {
	Field   string // the field of Config, for example "Lifetimes.Code"
	Problem string // what is wrong and what to do, a predicate: "is empty; …"
}

// Error is the field followed by its problem.
func (e *ConfigError) Error() string { return "grantor: Config." + e.Field + " " + e.Problem }

// problems collects what is wrong with a Config.
type problems []error

func (p *problems) say(field, format string, args ...any) {
	*p = append(*p, &ConfigError{Field: field, Problem: fmt.Sprintf(format, args...)})
}

// validate returns every problem of c, joined.
func (c *Config) validate() error {
	var p problems
	p.issuer(c)
	if isNil(c.Clients) {
		p.say("Clients", "is nil; set a client.Source, such as client.NewStatic returns")
	}
	if isNil(c.Store) {
		p.say("Store", "is nil; set a store.Store, such as memory.New returns")
	}
	if isNil(c.Keys) && (c.Keys != nil || c.needsKeys()) {
		p.say("Keys", "is nil; set a token.KeySource to sign JWTs with, or AccessTokens to token.Opaque{}")
	}
	if c.Session != nil && c.Interact == nil {
		p.say("Interact", "is nil but Session is set; set it too, for example to Pages{Login: %q}.Interact", "/login")
	}
	if c.Interact != nil && c.Session == nil {
		p.say("Session", "is nil but Interact is set; set it too, or nobody can ever sign in")
	}
	p.scopes("Scopes", c.Scopes)
	if !printable7(c.Audience) {
		p.say("Audience", "has characters other than printable ASCII; set the identifier of the API that tokens are for")
	}
	p.format("AccessTokens", c.AccessTokens)
	p.resources(c)
	p.lifetimes(c.Lifetimes)
	p.secrets(c.Secrets)
	if slices.Contains(c.Extensions, nil) {
		p.say("Extensions", "has a nil extension; remove it")
	}
	return errors.Join(p...)
}

// isNil reports whether v is nil, or an interface that holds a nil pointer.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}

func printable7(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' })
}

func (p *problems) scopes(field string, scopes []string) {
	for _, s := range scopes {
		if !client.ValidScope(s) {
			p.say(field, "has %q, which is not a scope-token (RFC 6749 §3.3)", s)
		}
	}
}

// format checks a JWT format of the host's own; the server completes a zero one.
func (p *problems) format(field string, f token.Format) {
	j, ok := f.(*token.JWT)
	switch {
	case ok && j == nil:
		p.say(field, "is a nil *token.JWT; set nil, or &token.JWT{}")
	case ok && (j.Issuer != "" || j.Keys != nil):
		if err := j.Validate(); err != nil {
			p.say(field, "is not usable: %v", err)
		}
	}
}

func (p *problems) secrets(s Secrets) {
	if err := s.format().Validate(); err != nil {
		p.say("Secrets.Brand", "is not usable: %v", err)
	}
	for n, d := range s.Decoys {
		if !d.Slow() {
			p.say("Secrets.Decoys", "has a digest at index %d that is not slow; take one of an imported secret", n)
		}
	}
}

// needsKeys reports whether some access tokens are JWTs of the server's own.
func (c *Config) needsKeys() bool {
	ownJWT := func(f token.Format) bool {
		j, ok := f.(*token.JWT)
		return ok && j != nil && j.Issuer == "" && j.Keys == nil
	}
	return c.AccessTokens == nil || ownJWT(c.AccessTokens) ||
		slices.ContainsFunc(c.Resources, func(r Resource) bool { return ownJWT(r.AccessTokens) })
}

func (p *problems) issuer(c *Config) {
	u, err := url.Parse(c.Issuer)
	switch {
	case c.Issuer == "":
		p.say("Issuer", "is empty; set the https URL clients know the server by")
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		p.say("Issuer", "is not an absolute http(s) URL")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(c.Issuer, "#") || u.User != nil:
		p.say("Issuer", "has a query, a fragment or user information; remove it (RFC 8414 §2)")
	case strings.HasSuffix(c.Issuer, "/"):
		p.say("Issuer", "ends in a slash; remove it, since clients compare it byte by byte")
	case u.EscapedPath() != u.Path || strings.Contains(u.Path, "//") || strings.Contains(u.Path+"/", "/../") || strings.Contains(u.Path+"/", "/./"):
		p.say("Issuer", "has a path that servers and clients may spell differently; use plain segments")
	case u.Scheme == "http" && !loopback(u.Hostname()) && !c.InsecureAllowHTTP:
		p.say("Issuer", "is plain http on a host other than loopback; use https, or set InsecureAllowHTTP and accept that tokens can be read on the way")
	}
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func (p *problems) resources(c *Config) {
	seen := map[string]bool{}
	for _, r := range c.Resources {
		u, err := url.Parse(r.Identifier)
		if err != nil || !u.IsAbs() || strings.Contains(r.Identifier, "#") || strings.ContainsAny(r.Identifier, " \t\r\n") {
			p.say("Resources", "has %q, which is not an absolute URI without fragment (RFC 8707 §2)", r.Identifier)
		}
		if seen[r.Identifier] {
			p.say("Resources", "has %q twice; keep one", r.Identifier)
		}
		seen[r.Identifier] = true
		if r.Lifetime < 0 || r.Lifetime > 0 && r.Lifetime < time.Second || r.Lifetime > maxAccessToken {
			p.say("Resources", "has %q with a Lifetime that is not between 1s and %v; use 0 for that of Lifetimes", r.Identifier, maxAccessToken)
		}
		p.scopes("Resources", r.Scopes)
		p.format("Resources", r.AccessTokens)
	}
}

// maxAccessToken bounds the lifetime of access tokens, which a remote API may
// believe until they expire.
const maxAccessToken = 24 * time.Hour

func (p *problems) lifetimes(l Lifetimes) {
	for _, d := range []struct {
		name  string
		value time.Duration
		most  time.Duration
	}{
		{"Code", l.Code, 10 * time.Minute},
		{"AccessToken", l.AccessToken, maxAccessToken},
		{"RefreshIdle", l.RefreshIdle, 0},
		{"Refresh", l.Refresh, 0},
		{"Interaction", l.Interaction, 24 * time.Hour},
		{"Consent", l.Consent, 0},
	} {
		switch {
		case d.value < 0:
			p.say("Lifetimes."+d.name, "is negative; use a positive duration, or 0 for the default")
		case d.value != 0 && d.value < time.Second:
			p.say("Lifetimes."+d.name, "is less than a second, the precision of the protocol")
		case d.most > 0 && d.value > d.most:
			p.say("Lifetimes."+d.name, "is more than %v", d.most)
		}
	}
	if l.RefreshIdle > 0 && l.Refresh > 0 && l.RefreshIdle > l.Refresh {
		p.say("Lifetimes.RefreshIdle", "is longer than Lifetimes.Refresh, which ends the grant first; make it shorter")
	}
	if l.RefreshRetry > 10*time.Minute {
		p.say("Lifetimes.RefreshRetry", "is more than 10m0s, which would hide the reuse of a stolen token")
	}
}

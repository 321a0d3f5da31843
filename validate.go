package grantor

import (
	"errors"
	"fmt"
	"net"
	"net/url"
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
	if c.Clients == nil {
		p.say("Clients", "is nil; set a client.Source, such as client.NewStatic returns")
	}
	if c.Store == nil {
		p.say("Store", "is nil; set a store.Store, such as memory.New returns")
	}
	if c.Keys == nil && c.needsKeys() {
		p.say("Keys", "is nil; set a token.KeySource to sign JWTs with, or AccessTokens to token.Opaque{}")
	}
	if c.Session != nil && c.Interact == nil {
		p.say("Interact", "is nil but Session is set; set it too, for example to Pages{Login: %q}.Interact", "/login")
	}
	if c.Interact != nil && c.Session == nil {
		p.say("Session", "is nil but Interact is set; set it too, or nobody can ever sign in")
	}
	for _, s := range c.Scopes {
		if !client.ValidScope(s) {
			p.say("Scopes", "has %q, which is not a scope-token (RFC 6749 §3.3)", s)
		}
	}
	p.resources(c)
	p.lifetimes(c.Lifetimes)
	if err := c.Secrets.format().Validate(); err != nil {
		p.say("Secrets.Brand", "is not usable: %v", err)
	}
	return errors.Join(p...)
}

// needsKeys reports whether some access tokens are JWTs of the server's own.
func (c *Config) needsKeys() bool {
	ownJWT := func(f token.Format) bool {
		j, ok := f.(*token.JWT)
		return ok && j.Keys == nil
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
		if r.Lifetime < 0 {
			p.say("Resources", "has %q with a negative Lifetime", r.Identifier)
		}
	}
}

func (p *problems) lifetimes(l Lifetimes) {
	for _, d := range []struct {
		name  string
		value time.Duration
		most  time.Duration
	}{
		{"Code", l.Code, 10 * time.Minute},
		{"AccessToken", l.AccessToken, 24 * time.Hour},
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
	if l.RefreshRetry > 10*time.Minute {
		p.say("Lifetimes.RefreshRetry", "is more than 10m0s, which would hide the reuse of a stolen token")
	}
}

package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/grantor-go/grantor/client"
)

// offlineAccess is the one scope that the server knows by itself.
const offlineAccess = "offline_access"

// openID asks for OpenID Connect, which the server cannot do: a client that sends
// it is told by the scope of the token response that it did not get it.
const openID = "openid"

// readScopes collects what the server knows: nothing in particular if the file
// does not say.
func (f *File) readScopes(o *object) {
	listed := o.texts("scopes")
	if len(listed) == 0 {
		return
	}
	f.Scopes = []string{offlineAccess}
	add := func(scope string) {
		if !slices.Contains(f.Scopes, scope) {
			f.Scopes = append(f.Scopes, scope)
		}
	}
	for _, s := range listed {
		if s == openID {
			f.warn("scopes has %q, which is left out: this server does not do OpenID Connect yet", openID)
			continue
		}
		add(s)
	}
	for i, r := range f.Resources {
		for _, s := range r.Scopes {
			if s != offlineAccess && !slices.Contains(listed, s) {
				f.warn("%s %q: scopes has %q, which is missing in the scopes of the server and is added to them", entry("resources", i), clip(r.Identifier), clip(s))
			}
			add(s)
		}
	}
}

// grantable splits a client's scope into what the server knows. The rest could
// only be granted without meaning.
func (f *File) grantable(c *object) []string {
	var out, dropped []string
	for s := range strings.SplitSeq(c.text("scope"), " ") {
		switch {
		case s == "" || slices.Contains(out, s):
		case s == openID, len(f.Scopes) > 0 && client.ValidScope(s) && !slices.Contains(f.Scopes, s):
			dropped = append(dropped, s)
		default:
			out = append(out, s)
		}
	}
	if len(dropped) > 0 {
		f.warn("%s: scope has %s, which this server does not know and will not grant", c.where, quoted(dropped))
	}
	return out
}

// quoted is the list, each entry in quotation marks.
func quoted(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = strconv.Quote(clip(s))
	}
	return strings.Join(out, ", ")
}

func (f *File) warn(format string, args ...any) {
	f.Warnings = append(f.Warnings, fmt.Sprintf(format, args...))
}

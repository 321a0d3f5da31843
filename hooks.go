package grantor

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/grantor-go/grantor/internal/jsonw"
)

// writeExtra writes what hooks added, in the order of the names. Values that are
// not JSON never got this far.
func writeExtra(j *jsonw.Writer, extra map[string]any) {
	if len(extra) == 0 {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(extra)) {
		_ = j.Value(name, extra[name])
	}
}

// reservedMember reports whether a response hook may not set the member.
func reservedMember(name string) bool {
	switch strings.ToLower(name) { // some clients do not tell the case
	case "access_token", "token_type", "expires_in", "refresh_token", "scope", "error", "error_description", "error_uri":
		return true
	}
	return false
}

// collect merges what the hooks return. A name that is reserved, or set twice,
// or a value that is not JSON, is the host's mistake: nothing is issued.
func collect(ctx context.Context, hooks []func(context.Context, Issuance) (map[string]any, error), i Issuance, reserved func(string) bool) (map[string]any, error) {
	var all map[string]any
	for _, hook := range hooks {
		values, err := hook(ctx, i)
		if err != nil {
			return nil, err
		}
		for name, v := range values {
			if _, taken := all[name]; taken || reserved(name) || name == "" {
				return nil, fmt.Errorf("grantor: a hook may not set %q", name)
			}
			raw, err := json.Marshal(v)
			if err != nil {
				return nil, fmt.Errorf("grantor: a hook's %q is not JSON: %w", name, err)
			}
			if all == nil {
				all = make(map[string]any, len(values))
			}
			all[name] = json.RawMessage(raw)
		}
	}
	return all, nil
}

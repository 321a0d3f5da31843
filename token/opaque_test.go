package token_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grantor-go/grantor/secret"
	"github.com/grantor-go/grantor/token"
)

func TestOpaque(t *testing.T) {
	var format token.Opaque
	locator := format.Format.NewLocator()
	minted, err := format.Mint(t.Context(), token.Claims{GrantID: locator, Subject: "user-4711"})
	require.NoError(t, err)

	t.Run("Parse returns the grant and nothing else", func(t *testing.T) {
		got, err := format.Parse(t.Context(), minted)
		require.NoError(t, err)
		require.Equal(t, token.Claims{GrantID: locator}, got)
	})
	t.Run("two tokens of one grant differ", func(t *testing.T) {
		again, err := format.Mint(t.Context(), token.Claims{GrantID: locator})
		require.NoError(t, err)
		if again == minted {
			t.Errorf("got the same token twice")
		}
	})
	t.Run("without a grant, the ID is the locator", func(t *testing.T) {
		minted, err := format.Mint(t.Context(), token.Claims{ID: locator})
		require.NoError(t, err)
		got, err := format.Parse(t.Context(), minted)
		require.NoError(t, err)
		require.Equal(t, token.Claims{GrantID: locator}, got)
	})
	for name, s := range map[string]string{
		"nothing":                        "",
		"a JWT":                          "eyJhbGciOiJub25lIn0.e30.",
		"a truncated token":              minted[:len(minted)-1],
		"a longer token":                 minted + "0",
		"IN-12: a space after the token": minted + " ",
		"IN-12: another last character":  minted[:len(minted)-1] + flip(minted[len(minted)-1]),
		"the token of another brand":     strings.Replace(minted, "grantor_", "grunter_", 1),
		"a refresh token":                secret.Format{}.Issue(secret.RefreshToken, locator).Reveal(),
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			_, err := format.Parse(t.Context(), s)
			wantInvalid(t, err)
			if s != "" {
				require.NotContains(t, err.Error(), s)
			}
		})
	}
	for _, grant := range []string{"", "short", locator + "0", strings.Repeat("-", 22)} {
		t.Run("grant \""+grant+"\" is no locator, which is an error of ours", func(t *testing.T) {
			got, err := format.Mint(t.Context(), token.Claims{GrantID: grant})
			wantOutage(t, err)
			require.Empty(t, got)
		})
	}
	t.Run("a brand that is none is an error of ours", func(t *testing.T) {
		_, err := token.Opaque{Format: secret.Format{Brand: "UPPER"}}.Mint(t.Context(), token.Claims{GrantID: locator})
		wantOutage(t, err)
	})
}

// flip returns another base62 character.
func flip(c byte) string {
	if c == '0' {
		return "1"
	}
	return "0"
}

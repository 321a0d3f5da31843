package secret_test

import (
	"context"
	"fmt"
	"regexp"

	"github.com/grantor-go/grantor/secret"
)

// A credential is shown once, by Reveal. Everything else prints REDACTED.
func ExampleHandle() {
	format := secret.Format{Brand: "acme"}
	token := format.New(secret.PAT)

	fmt.Println(token)
	fmt.Printf("%+v\n", struct{ Token secret.Handle }{token})
	fmt.Println(len(token.Reveal()), len(token.Locator()), token.Kind())
	// Output:
	// REDACTED
	// {Token:REDACTED}
	// 80 22 pat
}

// Garbage is refused before any store is asked.
func ExampleFormat_Parse() {
	format := secret.Format{Brand: "acme"}
	token := format.New(secret.AccessToken).Reveal()

	h, err := format.Parse(token)
	fmt.Println(h.Kind(), err)

	_, err = format.Parse(token[:len(token)-1])
	fmt.Println(err)
	// Output:
	// at <nil>
	// secret: malformed credential
}

// A scanner finds candidates by the pattern and confirms them by the checksum.
func ExampleFormat_Pattern() {
	format := secret.Format{Brand: "acme"}
	source := format.Pattern(secret.PAT, secret.ClientSecret)
	fmt.Println(source)

	leak := "password = " + format.New(secret.ClientSecret).Reveal()
	found := regexp.MustCompile(source).FindString(leak)
	fmt.Println(format.Owns(found))
	// Output:
	// \bacme_(?:pat|cs)_[0-9A-Za-z]{71}\b
	// true
}

// A family tells its own old tokens from forgeries without remembering them.
func ExampleFormat_IssueMarked() {
	var format secret.Format
	key := secret.NewFamilyKey() // kept with the family as key[:]
	locator := format.NewLocator()

	old := format.IssueMarked(secret.RefreshToken, locator, &key)
	forged := format.Issue(secret.RefreshToken, locator)
	fmt.Println(old.MarkedBy(&key), forged.MarkedBy(&key))
	// Output: true false
}

// To rotate a pepper, put the new one first: old digests match, and say that
// they want replacing.
func ExamplePeppers() {
	last := secret.Pepper{ID: "k1", Key: []byte("read me from a secret manager, 1")}
	this := secret.Pepper{ID: "k2", Key: []byte("read me from a secret manager, 2")}
	before, err := secret.NewPeppers(last)
	if err != nil {
		fmt.Println(err)
		return
	}
	now, err := secret.NewPeppers(this, last)
	if err != nil {
		fmt.Println(err)
		return
	}

	token := secret.Format{}.New(secret.AccessToken)
	stored := before.Digest(token)
	fmt.Println(now.Matches(stored, token))

	stored = now.Digest(token)
	fmt.Println(string(stored[:10]))
	fmt.Println(now.Matches(stored, token))
	// Output:
	// true true
	// $hs256$k2$
	// true false
}

// A client has a generated secret and one imported from an older system, which
// is upgraded when it is next used.
func ExampleChecker() {
	ctx := context.Background()
	var checker secret.Checker
	shown, digest := checker.New()
	stored := []secret.Stored{
		{ID: "2025", Digest: digest},
		{ID: "imported", Digest: "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e"},
	}

	for _, presented := range []string{shown.Reveal(), "correct horse", "wrong"} {
		match, stale, err := checker.Check(ctx, "client", presented, stored)
		if err != nil {
			fmt.Println(err) // 503: the server is busy
			continue
		}
		if stale {
			stored[match].Digest, err = checker.Digest(ctx, presented)
		}
		fmt.Println(match, stale, err)
	}
	fmt.Println(string(stored[1].Digest[:30]))
	// Output:
	// 0 false <nil>
	// 1 true <nil>
	// -1 false <nil>
	// $argon2id$v=19$m=19456,t=2,p=1
}

// Slow digests what people choose.
func ExampleSlow() {
	ctx := context.Background()
	var hasher secret.Slow // share one: it bounds how many hashes run at once

	digest, err := hasher.Hash(ctx, "correct horse battery staple")
	if err != nil {
		fmt.Println(err)
		return
	}
	ok, stale, err := hasher.Verify(ctx, digest, "correct horse battery staple")
	fmt.Println(ok, stale, err)
	// Output: true false <nil>
}

// A hint lets a person recognise a credential in a list.
func ExampleHint() {
	h, err := secret.Format{Brand: "acme"}.Parse("acme_at_0123456789abcdefghijAB0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefg0zTTXw")
	fmt.Println(secret.Hint(h), err)
	// Output: acme_at_...TTXw <nil>
}

package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestABucketFillsAgainAndNoUserFillsTheMemory(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	l := newLimiter(10, 2)
	l.max, l.now = 100, func() time.Time { return now }
	for range 2 {
		if l.take("ada") != 0 {
			t.Fatal("a burst of two is too much")
		}
	}
	if wait := l.take("ada"); wait <= 0 || wait > 100*time.Millisecond {
		t.Errorf("the third waits %s, of a bucket that gets one every 100 ms", wait)
	}
	now = now.Add(100 * time.Millisecond)
	if l.take("ada") != 0 {
		t.Error("after 100 ms there is not one more")
	}
	if l.take("ada") == 0 {
		t.Error("after 100 ms there are two more")
	}
	for i := range 1000 {
		l.take(fmt.Sprint("user_", i))
		if len(l.buckets) > l.max {
			t.Fatalf("%d buckets", len(l.buckets))
		}
	}
	// Idle users go first: who is being held back stays so.
	now = now.Add(time.Minute)
	l.take("ada")
	l.take("ada")
	for i := range 90 {
		l.take(fmt.Sprint("late_", i))
	}
	if l.take("ada") == 0 {
		t.Error("a bucket that is in use went before those that are not")
	}
}

func TestARateOfNothingLetsNobodyThrough(t *testing.T) {
	t.Parallel()
	for _, perSecond := range []float64{0, 1e-300, -1} {
		l := newLimiter(perSecond, 1)
		l.take("ada")
		if l.take("ada") <= 0 {
			t.Errorf("at %g a second, a user with an empty bucket passes", perSecond)
		}
	}
}

func TestTheFirstKeyOfTheFileSignsAndTheOthersAreShown(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys.pem")
	var content []byte
	var want []ed25519.PublicKey
	for range 2 {
		public, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		content = append(content, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
		want = append(want, public)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	signs, published, err := config{KeysFile: path}.keys()
	if err != nil || !want[0].Equal(signs.Public()) || len(published) != 1 || !want[1].Equal(published[0]) {
		t.Errorf("%v signs, %v are published: %v", signs, published, err)
	}
	if err := os.WriteFile(path, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := (config{KeysFile: path}).keys(); err == nil {
		t.Error("a file without a key is one")
	}
}

func TestAServiceWithoutAddressStopsTheStart(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "orders:8082", "ftp://orders", "http://"} {
		if _, err := (config{Services: []string{"orders"}}).upstreams(func(string) string { return address }); err == nil {
			t.Errorf("%q is an address", address)
		}
	}
}

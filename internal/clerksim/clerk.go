package clerksim

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// ClerkConfig describes a running Clerk. The zero value is a small instance of its own.
type ClerkConfig struct {
	// World is the instance's history. Where Start is not set the founding lies in the two days before Now, so that its sessions have not run out.
	// After the founding, and from the first directed change on, world time is Now's.
	World Config
	// Now is the clock of directed changes and tokens. Default time.Now. World time never repeats: where the clock does, or goes back, it moves on by
	// a millisecond a message.
	Now func() time.Time
	// Issuer is the Frontend API URL that tokens name. Default https://clerk.northwind.example, which nobody can resolve: the keys are where Handler is.
	Issuer string
	// AuthorizedParty is the origin that web clients ask from. Default http://localhost:3000.
	AuthorizedParty string
	// Key signs tokens under the id KeyID. Default: a new one of 2048 bits, and the instance id, as Clerk has it.
	Key   *rsa.PrivateKey
	KeyID string
	// SecretKey opens the Backend API. Default: a new sk_test_….
	SecretKey string
	// Limit is how many requests the Backend API takes in any 10 s by Now; more get 429 and Retry-After. Clerk has 1000 in production and 100 in
	// development. Default 0: no limit.
	Limit int
}

// Clerk is one running instance: a [World] that goes on, its keys, and what it does when it is told to. All methods are safe for concurrent use.
//
// Changes made through its methods have happened when the method returns: tokens and Truth show them, and their messages are what [Clerk.Next]
// hands out first, all others in the world's order behind.
type Clerk struct {
	cfg  ClerkConfig
	told chan struct{}

	meter    *meter
	trouble  *trouble
	endpoint atomic.Pointer[Endpoint]
	lost     losses

	mu    sync.Mutex // guards what is below
	world *World
	key   *signingKey
	other *signingKey // another instance's, for tokens that are wrong
}

// NewClerk returns an instance in which nobody exists yet: Next founds it. Keys are made when they are first needed.
func NewClerk(cfg ClerkConfig) *Clerk {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Issuer == "" {
		cfg.Issuer = "https://clerk.northwind.example"
	}
	if cfg.AuthorizedParty == "" {
		cfg.AuthorizedParty = "http://localhost:3000"
	}
	if cfg.SecretKey == "" {
		cfg.SecretKey = "sk_test_" + randomHex(21)
	}
	if cfg.World.Start.IsZero() {
		// A step takes up to 1.9 times its share of the span, and messages take time too: half of the time is to spare.
		cfg.World.Start, cfg.World.Span = cfg.Now().Add(-48*time.Hour), 24*time.Hour
	}
	w := NewWorld(cfg.World)
	w.clock = cfg.Now
	if cfg.KeyID == "" {
		cfg.KeyID = w.cfg.InstanceID
	}
	return &Clerk{
		cfg: cfg, told: make(chan struct{}, 1), world: w, meter: newMeter(cfg.Limit, cfg.Now), trouble: newTrouble(cfg.World.Seed, cfg.Now),
	}
}

// Issuer is what tokens say in iss.
func (c *Clerk) Issuer() string { return c.cfg.Issuer }

// AuthorizedParty is what tokens of web clients say in azp.
func (c *Clerk) AuthorizedParty() string { return c.cfg.AuthorizedParty }

// SecretKey is the Backend API's bearer.
func (c *Clerk) SecretKey() string { return c.cfg.SecretKey }

// InstanceID is what webhooks say in instance_id.
func (c *Clerk) InstanceID() string { return c.world.cfg.InstanceID }

// Next hands out the next message: of directed changes first, then of the world's history; false when neither has one. A directed change later
// makes it true again, and so does Continue.
func (c *Clerk) Next() (Message, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.world.Next()
}

// NextFounding is Next until the founding has been told.
func (c *Clerk) NextFounding() (Message, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.world
	if w.founded > w.cfg.Users+w.cfg.Organizations && w.head == len(w.queue) && len(w.directed)+len(w.passed) == 0 {
		return Message{}, false
	}
	return w.Next()
}

// Found lets the founding, or what is left of it, happen without telling anybody: all of it is older than the webhook. It takes a few seconds for a million
// users of a sparse world. The world differs from the one that NextFounding tells, and is the same for the same Config.
func (c *Clerk) Found() {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.world
	w.mute = true
	defer func() { w.mute = false }()
	for w.founded <= w.cfg.Users+w.cfg.Organizations || w.head < len(w.queue) {
		if w.head == len(w.queue) {
			w.queue, w.head = w.queue[:0], 0
			w.step()
			continue
		}
		w.happen()
	}
}

// NextDirected hands out the next message of directed changes only, so that they need not keep the pace of the history.
func (c *Clerk) NextDirected() (Message, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.world.directed.take()
}

// Directed receives when directed changes have made messages. One value may stand for many.
func (c *Clerk) Directed() <-chan struct{} { return c.told }

// Continue adds steps to the history. A world never runs out of things to do.
func (c *Clerk) Continue(steps int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.world.cfg.Changes += steps
}

// Truth is what read models must show once every message has been handed out and applied, those of directed changes and what Next has told.
func (c *Clerk) Truth() Truth {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.world.Truth()
}

// ErrNotFound is what is asked of something that the instance does not have, or no longer.
var ErrNotFound = errors.New("not found")

// ErrRefused is what Clerk would not do either, for example a token for somebody who is banned.
var ErrRefused = errors.New("refused")

// lock is for whoever looks something up and then acts on it: nothing that is decided already can come between.
func (c *Clerk) lock() {
	c.mu.Lock()
	c.world.drain()
}

// direct makes a directed change. The caller holds the lock, by lock.
func (c *Clerk) direct(decide func(w *World)) {
	c.world.direct(func() { decide(c.world) })
	select {
	case c.told <- struct{}{}:
	default:
	}
}

// randomHex is n random bytes as hex. It is not of the world: a token must not change the history.
func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, says crypto/rand
	return hex.EncodeToString(b)
}

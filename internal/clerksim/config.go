package clerksim

import "time"

// Config describes a world. The same Config gives the same messages, byte for byte, and the same truth.
// For every count and rate zero means the default and a negative value means none.
type Config struct {
	// Seed decides everything that is left to chance.
	Seed uint64
	// Users and Organizations exist after the founding. Defaults 200 and 40. More of both come and go later.
	Users, Organizations int
	// Memberships is about how many the organizations have after the founding. Default: one to twelve members each, as the users allow.
	Memberships int
	// Sparse founds a world that has nothing but what was asked for: users with a name and one verified e-mail address, who never signed in, organizations
	// and memberships. It is for huge worlds: a million users take about 800 MB, and two hundred thousand with
	// five thousand organizations and four hundred thousand memberships 300 MB.
	Sparse bool
	// Changes is the number of steps after the founding; one step makes one to a few dozen messages. Default 1500.
	Changes int
	// Start is the world's time at the first message. Default 2025-01-06T09:00:00Z.
	Start time.Time
	// Span bounds the world time that the steps take, for a receiver may refuse clocks ahead of its own. Default 240 days.
	Span time.Duration
	// InstanceID is Clerk's environment id. Default: an invented ins_… made from Seed.
	InstanceID string
	// TwinRate is the share of edits that are followed by another one in the same millisecond of updated_at, told apart only by the
	// envelope's timestamp. Default 0.03.
	TwinRate float64
	// TieRate is the share of edits that are followed by one with the same updated_at and the same envelope timestamp. Default 0.01.
	TieRate float64
	// OddRate is the share of messages and objects in an unusual but legal shape (absent optional fields, unknown fields, seconds for
	// milliseconds …). None of them changes the truth. Default 0.05.
	OddRate float64
}

func (c Config) withDefaults() Config {
	c.Users = int(orDefault(float64(c.Users), 200))
	c.Organizations = int(orDefault(float64(c.Organizations), 40))
	c.Changes = int(orDefault(float64(c.Changes), 1500))
	c.TwinRate = orDefault(c.TwinRate, 0.03)
	c.TieRate = orDefault(c.TieRate, 0.01)
	c.OddRate = orDefault(c.OddRate, 0.05)
	if c.Start.IsZero() {
		c.Start = time.Date(2025, 1, 6, 9, 0, 0, 0, time.UTC)
	}
	if c.Span <= 0 {
		c.Span = 240 * 24 * time.Hour
	}
	return c
}

func orDefault(v, otherwise float64) float64 {
	switch {
	case v == 0:
		return otherwise
	case v < 0:
		return 0
	}
	return v
}

package clerksim

import (
	"math/rand/v2"
	"strings"
	"time"
)

// World is one Clerk instance that lives through a decided history. It is not safe for concurrent use.
type World struct {
	cfg Config
	r   *rand.Rand
	now int64 // world time in ms since the epoch
	gap int64 // mean ms between two steps

	founded  int      // founding steps done
	changed  int      // change steps done
	mute     bool     // what happens is not told
	enrolled int      // memberships of new organizations
	kinds    []change // every kind of change, as often as it is likely
	deck     []change // the kinds not drawn since the last shuffle

	queue []func() Message // decided, not yet happened
	head  int              // first of queue that has not happened

	// A Clerk's world: its clock, whether time is the clock's by now, and what happened that Next has not handed out.
	clock            func() time.Time
	live             bool
	directed, passed outbox

	// Living objects; what is deleted leaves its pool and with it the truth.
	users       pool[*user]
	orgs        pool[*organization]
	memberships pool[*membership]
	sessions    pool[*session]    // neither ended, removed nor revoked
	invitations pool[*invitation] // pending
	invited     pool[*invitation] // of any status
	domains     pool[*domain]
	roles       pool[*role]
	permissions pool[*permission]
	entries     pool[*waitlistEntry]
	payers      pool[*subscription] // subscriptions whose payer still exists

	subscriptions []*subscription // all: a subscription outlives its payer
	payments      []*payment

	system      []*permission // Clerk's own, older than any webhook, so no event ever told them
	plans       []*plan
	connections []object // enterprise connections, which have no webhook, as these have none
	roleSets    []*roleSet
	directories []*directory
	freed       []string      // e-mail addresses of deleted users, to be used again
	serial      int           // makes names unique
	ticketed    *verification // the proof that all users of a sparse founding share
	scratch     []byte
	revision    uint64 // counts messages, and so changes
}

// NewWorld returns a world at its beginning: nothing exists until Next hands out the message that says so.
func NewWorld(cfg Config) *World {
	cfg = cfg.withDefaults()
	w := &World{
		cfg: cfg,
		r:   rand.New(rand.NewPCG(cfg.Seed, 0x636c65726b73696d)),
		now: cfg.Start.UnixMilli(),
	}
	if cfg.InstanceID == "" {
		w.cfg.InstanceID = w.id("ins_")
	}
	steps := int64(1 + cfg.Users + cfg.Organizations + cfg.Changes)
	w.gap = min(20*60*1000, max(1, cfg.Span.Milliseconds()/steps))
	w.system = w.systemPermissions()
	w.plans = w.newPlans()
	w.connections = w.newConnections()
	w.newRecords()
	w.kinds = changes()
	return w
}

// Next lets the next thing happen and returns the webhook message that tells it, in the order in which Clerk would create the messages.
// It returns false when the history is done.
func (w *World) Next() (Message, bool) {
	if m, ok := w.directed.take(); ok {
		return m, true
	}
	if m, ok := w.passed.take(); ok {
		return m, true
	}
	for w.head == len(w.queue) {
		w.queue, w.head = w.queue[:0], 0
		if !w.step() {
			return Message{}, false
		}
	}
	return w.happen(), true
}

// happen lets the first thing that is decided come true.
func (w *World) happen() Message {
	happen := w.queue[w.head]
	w.queue[w.head] = nil
	w.head++
	return happen()
}

// step decides what happens next. It only queues: an object changes when its message is handed out, so that Truth is exact between
// any two messages, also in the middle of a cascade.
func (w *World) step() bool {
	w.pass(w.gap/10 + w.r.Int64N(w.gap*9/5+1))
	if w.found() {
		return true
	}
	if w.clock != nil && !w.live {
		w.live = true
		w.pass(0)
	}
	if w.changed >= w.cfg.Changes {
		return false
	}
	w.changed++
	return w.draw()
}

func (w *World) then(happen func() Message) { w.queue = append(w.queue, happen) }

// pass lets time go on: by ms, or, in a world that lives by a clock, to what the clock says. It never stands still.
func (w *World) pass(ms int64) {
	if w.live {
		w.now = max(w.now+1, w.clock().UnixMilli())
		return
	}
	w.now += ms
}

// tick lets a few milliseconds pass, so that two changes never share an instant by accident.
func (w *World) tick() { w.pass(int64(w.between(1, 250))) }

// lag is how many milliseconds after a change its webhook message is stamped: none in a world that lives by a clock, for a stamp ahead of the
// clock would make whoever measures from it quicker than light.
func (w *World) lag() int64 {
	if lag := int64(w.between(3, 40)); !w.live {
		return lag
	}
	return 0
}

// stamp is what every object has.
type stamp struct {
	id               string
	created, updated int64
	envelope         int64 // timestamp of the newest message about the object
	tied             bool  // two contents claim this updated and this envelope
}

func (s *stamp) mark() *stamp { return s }

type entity interface {
	mark() *stamp
	// data is the object as a webhook shows it at this moment.
	data(w *World) object
}

// editable is what can be changed twice in a millisecond.
type editable interface {
	entity
	// nudge changes something that a read model shows.
	nudge(w *World)
}

// tell queues a change: edit happens, updated_at moves, and a message of type typ says so.
func (w *World) tell(typ string, e entity, edit func()) { w.tellAt(typ, e, edit, false) }

func (w *World) tellAt(typ string, e entity, edit func(), exact bool) {
	w.then(func() Message {
		w.tick()
		edit()
		s := e.mark()
		s.updated, s.envelope, s.tied = w.now, w.now+w.lag(), false
		if w.mute {
			return w.message(typ, s.id, nil, s.envelope, exact)
		}
		return w.message(typ, s.id, e.data(w), s.envelope, exact)
	})
}

// revise is tell for changes that people make twice in a row. Sometimes a second one follows in the same millisecond of updated_at: a
// twin, whose later envelope timestamp makes it the truth, or a tie, where nothing says which is newer.
func (w *World) revise(typ string, e editable, edit func()) {
	twin := w.chance(w.cfg.TwinRate)
	tie := !twin && w.chance(w.cfg.TieRate)
	w.tellAt(typ, e, edit, twin || tie)
	if !twin && !tie {
		return
	}
	kind, _, _ := strings.Cut(typ, ".")
	w.then(func() Message {
		e.nudge(w)
		s := e.mark()
		if twin {
			s.envelope += int64(w.between(1, 30))
		}
		s.tied = tie
		return w.message(kind+".updated", s.id, e.data(w), s.envelope, true)
	})
}

// end queues a deletion: what remains of the object is what gone returns.
func (w *World) end(typ, id string, remove func(), gone func() object) {
	w.then(func() Message {
		w.tick()
		remove()
		return w.message(typ, id, gone(), w.now+w.lag(), false)
	})
}

// deletedObject is Clerk's form for most deletions: the id and little else.
func deletedObject(kind, id string) object {
	return object{{"object", kind}, {"id", id}, {"deleted", true}}
}

package watch

import (
	"context"
)

// hold does something while it holds the lock of the instance, and gives the lock back when that has ended. A lock that is lost ends the context of what
// is done, and is the error. A lock that somebody else has is a *HeldError.
func hold(ctx context.Context, c Config, s *state, do func(context.Context) error) error {
	l, err := take(ctx, c.DatabaseURL, s.read().Verb, c.Instance)
	if err != nil {
		return err
	}
	defer l.release(ctx)
	working, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// The lock outlives the work by a moment, never the other way round.
	keeping, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	kept := make(chan error, 1)
	go func() {
		err := l.keep(keeping, beatEvery, s.beat(c.Instance))
		if err != nil {
			cancel(err)
		}
		kept <- err
	}()
	err = do(working)
	stop()
	if lost := <-kept; lost != nil {
		return lost
	}
	return err
}

// Once does something while holding the lock, for verbs that end: clerkstream backfill, clerkstream reconcile. It does not wait for a lock that
// somebody else has: that is a *HeldError.
func Once(ctx context.Context, c Config, verb string, do func(context.Context, *Work) error) error {
	c = c.withDefaults()
	s := newState(c, verb)
	return hold(ctx, c, s, func(ctx context.Context) error {
		w, err := open(ctx, c)
		if err != nil {
			return err
		}
		defer w.close()
		s.change(func(at *Status) { at.ClerkInstance, at.Doing = w.ClerkInstance, verb })
		s.alsoSay(w.spent)
		working, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		heeded := make(chan error, 1)
		go func() {
			err := w.heed(working)
			if err != nil {
				cancel(err)
			}
			heeded <- err
		}()
		err = do(working, w)
		cancel(nil)
		if denied := <-heeded; denied != nil {
			return denied
		}
		return err
	})
}

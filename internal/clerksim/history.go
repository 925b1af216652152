package clerksim

import "fmt"

// change is one kind of step. It queues what happens and returns false where the world has nobody to do it with.
type change func(*World) bool

// changes is a deck of all kinds of step, each as often as it is likely. Dealing cards, rather than throwing dice, makes every kind occur
// in every history of some length.
func changes() []change {
	var deck []change
	deal := func(times int, c change) {
		for range times {
			deck = append(deck, c)
		}
	}
	dealUsers(deal)
	dealOrganizations(deal)
	dealBilling(deal)
	return deck
}

func dealUsers(deal func(int, change)) {
	deal(14, (*World).editProfile)
	deal(6, (*World).editMetadata)
	deal(3, (*World).linkCRM)
	deal(3, (*World).addEmail)
	deal(5, (*World).switchEmail)
	deal(2, (*World).dropEmail)
	deal(3, (*World).moveEmail)
	deal(3, (*World).changePhone)
	deal(3, (*World).changeFactors)
	deal(4, (*World).connectAccount)
	deal(2, (*World).disconnectAccount)
	deal(2, (*World).lock)
	deal(1, (*World).unlock)
	deal(2, (*World).ban)
	deal(1, (*World).unban)
	deal(1, (*World).deprovision)
	deal(1, (*World).reprovision)
	deal(6, (*World).newcomer)
	deal(3, (*World).deleteUser)
	deal(14, (*World).visit)
	deal(5, (*World).signOut)
	deal(3, (*World).dropSession)
	deal(3, (*World).revokeSession)
	deal(3, (*World).sendMail)
	deal(2, (*World).sendText)
	deal(3, (*World).joinWaitlist)
	deal(2, (*World).inviteFromWaitlist)
	deal(1, (*World).finishWaitlist)
}

func dealOrganizations(deal func(int, change)) {
	deal(3, (*World).createOrganization)
	deal(4, (*World).renameOrganization)
	deal(3, (*World).editOrganizationSettings)
	deal(2, (*World).deleteOrganization)
	deal(4, (*World).addMember)
	deal(8, (*World).changeRole)
	deal(3, (*World).leave)
	deal(3, (*World).rejoin)
	deal(6, (*World).invite)
	deal(3, (*World).acceptInvitation)
	deal(2, (*World).revokeInvitation)
	deal(3, (*World).addDomain)
	deal(2, (*World).verifyDomain)
	deal(1, (*World).deleteDomain)
	deal(2, (*World).createRole)
	deal(2, (*World).editRole)
	deal(1, (*World).deleteRole)
	deal(2, (*World).createPermission)
	deal(2, (*World).editPermission)
	deal(1, (*World).deletePermission)
}

func dealBilling(deal func(int, change)) {
	deal(2, (*World).subscribeSomeone)
	deal(4, (*World).checkout)
	deal(2, (*World).startTrial)
	deal(1, (*World).warnOfTrialEnd)
	deal(1, (*World).endTrial)
	deal(3, (*World).renew)
	deal(1, (*World).recover)
	deal(2, (*World).changeSeats)
	deal(1, (*World).cancel)
	deal(1, (*World).endCanceled)
}

func (w *World) newcomer() bool {
	w.signUp()
	return true
}

// draw deals cards until one can be played. A newcomer always can, so it ends.
func (w *World) draw() bool {
	for {
		if len(w.deck) == 0 {
			w.deck = append(w.deck, w.kinds...)
			w.r.Shuffle(len(w.deck), func(i, j int) { w.deck[i], w.deck[j] = w.deck[j], w.deck[i] })
		}
		last := len(w.deck) - 1
		play := w.deck[last]
		w.deck = w.deck[:last]
		if play(w) {
			return true
		}
	}
}

// found queues the next step of the founding: roles first, then users with organizations spread among them.
func (w *World) found() bool {
	n := w.founded
	users, orgs := w.cfg.Users, w.cfg.Organizations
	if n > users+orgs {
		return false
	}
	w.founded++
	if n == 0 {
		w.foundRoles()
		return true
	}
	// After n steps about n*orgs/(users+orgs) organizations exist; none before the first user.
	total := users + orgs
	if n > 1 && n*orgs/total > (n-1)*orgs/total {
		w.foundOrganization(w.firstMembers(n * orgs / total))
		return true
	}
	w.signUp()
	return true
}

// firstMembers is how many join the k-th organization at its founding, beside its creator. What early ones were too early to have, later ones get.
func (w *World) firstMembers(k int) int {
	users, orgs := w.cfg.Users, w.cfg.Organizations
	if w.cfg.Memberships > 0 {
		return max(0, w.cfg.Memberships*k/orgs-w.enrolled-1)
	}
	return w.r.IntN(min(12, 1+2*users/max(1, orgs)) + 1)
}

// String names the world by what makes it.
func (w *World) String() string {
	return fmt.Sprintf("world seed=%d users=%d organizations=%d changes=%d", w.cfg.Seed, w.cfg.Users, w.cfg.Organizations, w.cfg.Changes)
}

// Toy voters: draws the votes of a population whose wishes are known (core/world/population.h). It shows what the
// counting does with votes of known groups; nobody here thinks, listens, or changes a mind.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "../base/rng.h"
#include "../method/constitution.h"
#include "../world/population.h"
#include "poll.h"

namespace cai {

struct ToyVoters {
    Poll poll;
    std::vector<size_t> group_of;  // (R): the group that each was drawn from
};

// What a voter makes of a statement. refused: what they want done with each act that they have a view of.
inline int8_t toy_vote(const World& world, const Reading& reading, const std::map<std::string, bool>& refused) {
    size_t pleased = 0, displeased = 0;
    const auto weigh = [&](const std::vector<std::string>& topics, bool refuses) {
        for (const Act& act : world.acts) {
            const auto wish = refused.find(act.name);
            if (wish == refused.end() || !covers(topics, act)) continue;
            (wish->second == refuses ? pleased : displeased)++;
        }
    };
    weigh(reading.forbidden, true);
    if (!reading.asks) weigh(reading.allowed, false);
    if (pleased > 0 && displeased > 0) return kPass;
    return pleased > 0 ? kAgree : displeased > 0 ? kDisagree : kPass;
}

// Of each villager: once for each act, whether they want it refused, from the group's share; which statements they vote
// on, each with the group's participation; and the vote, which with probability `slips` is one of the other two.
inline ToyVoters draw_toy_voters(const Population& population, std::vector<Statement> statements, const World& world,
                                 double slips, uint64_t seed) {
    ToyVoters voters;
    std::vector<Reading> readings;
    for (const Statement& statement : statements) readings.push_back(read_principle(world, statement.text));
    voters.poll.toy = true;
    voters.poll.votes.columns = statements.size();
    voters.poll.statements = std::move(statements);
    for (size_t g = 0; g < population.groups.size(); g++) {
        const Group& group = population.groups[g];
        for (size_t villager = 0; villager < group.size; villager++) {
            const size_t number = voters.poll.participants.size() + 1;
            Rng rng(mix(seed, stream("toy voters")), number);
            std::map<std::string, bool> refused;
            for (const auto& [act, share] : group.refuse_share) refused[act] = rng.chance(share);
            for (size_t s = 0; s < readings.size(); s++) {
                const bool votes = rng.chance(group.participation), slips_up = rng.chance(slips);
                const int other = rng.chance(0.5) ? 1 : 2;
                if (!votes) continue;
                const int meant = toy_vote(world, readings[s], refused);
                voters.poll.votes.column.push_back(static_cast<uint32_t>(s));
                voters.poll.votes.vote.push_back(static_cast<int8_t>(slips_up ? (meant + 1 + other) % 3 - 1 : meant));
            }
            voters.poll.votes.starts.push_back(voters.poll.votes.entries());
            voters.poll.participants.push_back({concat(kToyVoter, number)});
            voters.group_of.push_back(g);
        }
    }
    expects(voters.poll.votes.entries() > 0, population.file,
            ": no toy voter voted on anything; raise the groups' share of statements");
    return voters;
}

}  // namespace cai

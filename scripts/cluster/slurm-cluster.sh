#!/usr/bin/env bash
# A Slurm cluster of two nodes on this machine (Debian's packages slurm-wlm and munge; as root), in which it runs a command:
#   scripts/cluster/slurm-cluster.sh COMMAND ARGS…
# The daemons end with the command. Nothing of the machine's own configuration is used or changed.
set -euo pipefail
[ $# -ge 1 ] || { sed -n '2,4s/^# //p' "$0" >&2; exit 2; }
for program in munged slurmctld slurmd srun; do
  command -v "$program" >/dev/null || { echo "slurm-cluster: no $program; apt-get install slurm-wlm munge" >&2; exit 1; }
done
[ "$(id -u)" -eq 0 ] || { echo "slurm-cluster: Slurm's daemons need root" >&2; exit 1; }
# A namespace of its own, in which the nodes' names lead to this machine.
if [ -z "${PARALLAX_CLUSTER:-}" ]; then
  PARALLAX_CLUSTER=namespace exec unshare --mount "$0" "$@"
fi
hosts=$(mktemp)
{ cat /etc/hosts; echo "127.0.0.1 node1 node2"; } >"$hosts"
mount --bind "$hosts" /etc/hosts
work=$(mktemp -d /tmp/parallax-slurm.XXXXXX)
chmod 755 "$work"
daemons=()
finish() {
  for _ in $(seq 50); do  # steps that are still being cleared away need the daemons
    [ "$(timeout 5 sinfo -h -t idle -o %D 2>/dev/null || true)" = 2 ] && break
    sleep 0.2
  done
  for ((i = ${#daemons[@]} - 1; i >= 0; --i)); do kill "${daemons[i]}" 2>/dev/null || true; done
  sleep 1
  for daemon in "${daemons[@]}"; do kill -KILL "$daemon" 2>/dev/null || true; done
  wait 2>/dev/null || true
  umount /etc/hosts
  rm -rf "$work" "$hosts"
}
trap finish EXIT

head -c 1024 /dev/urandom >"$work/munge.key"
chmod 400 "$work/munge.key"
munged --foreground --force --key-file="$work/munge.key" --socket="$work/munge.socket" --pid-file="$work/munged.pid" \
  --log-file="$work/munged.log" --seed-file="$work/munge.seed" >/dev/null 2>&1 &
daemons+=($!)
host=$(hostname -s)
port=$((10000 + $$ % 20000))
cat >"$work/slurm.conf" <<CONF
ClusterName=parallax
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$work/munge.socket
CredType=cred/munge
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool-%n
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd-%n.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdLogFile=$work/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
SchedulerParameters=bf_interval=1,sched_interval=1,batch_sched_delay=0
MinJobAge=3600
KillWait=60
JobRequeue=1
NodeName=node[1-2] NodeHostname=$host NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + 2))] CPUs=4 RealMemory=4000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE OverTimeLimit=0 State=UP
CONF
mkdir "$work/state" "$work/spool-node1" "$work/spool-node2"
export SLURM_CONF=$work/slurm.conf
until [ -S "$work/munge.socket" ]; do sleep 0.1; done
slurmctld -D >/dev/null 2>&1 &
daemons+=($!)
for node in node1 node2; do
  slurmd -D -N "$node" >/dev/null 2>&1 &
  daemons+=($!)
done
for _ in $(seq 300); do
  [ "$(sinfo -h -t idle -o %D 2>/dev/null || true)" = 2 ] && break
  sleep 0.2
done
if [ "$(sinfo -h -t idle -o %D 2>/dev/null || true)" != 2 ]; then
  echo "slurm-cluster: the nodes did not come up" >&2
  tail -n 5 "$work"/*.log >&2
  exit 1
fi
"$@"

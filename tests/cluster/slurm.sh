#!/usr/bin/env bash
# A job array on a real SLURM of one node: bash tests/cluster/slurm.sh, as root on Debian with slurm-wlm and munge.
# Starts munged, slurmctld and slurmd of its own, submits what `syngen generate --dry-run --sbatch 4` prints and
# the dependent plain run that the script's comment names, and compares the dataset with a local one.
set -euo pipefail

for program in munged slurmctld slurmd sbatch syngen; do
    command -v "$program" >/dev/null || { echo "$program is needed: apt-get install slurm-wlm munge" >&2; exit 1; }
done
[ "$(id -u)" = 0 ] || { echo "the daemons want root" >&2; exit 1; }

here=$(mktemp -d)
node=$(hostname -s)
cpus=$(nproc)
memory=$(awk '/^MemTotal/ {print int(0.9 * $2 / 1024)}' /proc/meminfo)
export SLURM_CONF=$here/slurm.conf
pids=()
finish() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait || true
    rm -rf "$here"
}
trap finish EXIT

mkdir "$here/munge" "$here/state" "$here/spool" "$here/work"
chmod 755 "$here"
dd if=/dev/urandom of="$here/munge/key" bs=1 count=1024 status=none
chmod 400 "$here/munge/key"
cat >"$SLURM_CONF" <<END
ClusterName=syngen
SlurmctldHost=$node(127.0.0.1)
SlurmUser=root
SlurmctldPort=16817
SlurmdPort=16818
AuthType=auth/munge
AuthInfo=socket=$here/munge/socket
CryptoType=crypto/munge
StateSaveLocation=$here/state
SlurmdSpoolDir=$here/spool
SlurmctldPidFile=$here/slurmctld.pid
SlurmdPidFile=$here/slurmd.pid
SlurmctldLogFile=$here/slurmctld.log
SlurmdLogFile=$here/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
ReturnToService=2
SchedulerParameters=batch_sched_delay=0
NodeName=$node NodeAddr=127.0.0.1 CPUs=$cpus RealMemory=$memory State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END

munged --foreground --force --key-file="$here/munge/key" --socket="$here/munge/socket" \
    --pid-file="$here/munge/pid" --log-file="$here/munge/log" --seed-file="$here/munge/seed" &
pids+=($!)
while [ ! -S "$here/munge/socket" ]; do sleep 0.1; done
slurmctld -D -f "$SLURM_CONF" >"$here/slurmctld.out" 2>&1 &
pids+=($!)
slurmd -D -f "$SLURM_CONF" -N "$node" >"$here/slurmd.out" 2>&1 &
pids+=($!)
for _ in $(seq 300); do
    sinfo -h -o %T 2>/dev/null | grep -q idle && break
    sleep 0.2
done
sinfo || { tail -n 20 "$here"/*.log "$here"/*.out >&2; exit 1; }

cd "$here/work"
syngen generate syntone-tiny data --shard-size 25 --dry-run --sbatch 4 >array.sh
cat array.sh
job=$(sbatch --parsable array.sh)
echo "submitted array $job"
dependent=$(sed -n 's/^#   \(sbatch --dependency.*\)$/\1/p' array.sh)
eval "$dependent"
for _ in $(seq 600); do
    [ -n "$(squeue -h)" ] || break
    sleep 0.2
done
squeue
tail -n 3 ./*.log ./slurm-*.out
syngen generate syntone-tiny local --shard-size 25 -q
diff -r local data
syngen verify data -q
echo "the dataset of the job array is that of a local run, byte for byte"

python -c 'import dask_jobqueue' 2>/dev/null || { echo "dask-jobqueue is not installed: left out"; exit 0; }
python - <<'END'
import syngen
from dask_jobqueue import SLURMCluster

if __name__ == "__main__":
    with SLURMCluster(cores=1, processes=1, memory="500MB", walltime="00:05:00") as cluster:
        print(cluster.job_script())
        cluster.scale(jobs=2)
        cluster.get_client().wait_for_workers(1, timeout=150)
        address = cluster.scheduler_address
        print(syngen.generate("syntone-tiny", "dask", shard_size=25, executor="dask", scheduler=address))
END
diff -r local dask
echo "the dataset of dask-jobqueue is that of a local run, byte for byte"

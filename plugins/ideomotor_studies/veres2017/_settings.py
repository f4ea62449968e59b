import dataclasses


@dataclasses.dataclass(frozen=True)
class Settings:
    """Sizes of one run of the study.

    - `families`, `unseen`: how many of the 20 and 53; `instances`: training objects of each family.
    - `poses`: resting poses of each object; `trials`: picks tried in each pose; `wanted`: successes kept of each pose.
    - `pixels`: of a side of the pictures the networks see; `share_tower`, `channels`, `kernels`, `pool_after`: networks.
    - `sizes`: numbers of training grasps to compare (the paper's three); the largest stands for all there are.
    - `steps`, `batch`, `rate`: of Adam. `seeds`: how many networks of each kind.
    - `judged`: test grasps whose predictions are tried in simulation, for each of the two test sets.
    - `frame`: axes in which grasps are written: the paper's `principal`, or the `camera`'s.
    """

    families: int
    unseen: int
    instances: int
    poses: int
    trials: int
    wanted: int
    pixels: int
    share_tower: bool
    channels: tuple[int, ...]
    kernels: tuple[int, ...]
    pool_after: tuple[int, ...]
    sizes: tuple[int, ...]
    steps: int
    batch: int
    rate: float
    seeds: int
    judged: int
    likelihoods: int = 2000
    frame: str = "principal"


PRESETS = {
    "tiny": Settings(
        families=3,
        unseen=2,
        instances=2,
        poses=1,
        trials=150,
        wanted=20,
        pixels=16,
        share_tower=True,
        channels=(8, 16),
        kernels=(3, 3),
        pool_after=(1, 2),
        sizes=(10**9,),
        steps=60,
        batch=50,
        rate=3e-3,
        seeds=1,
        judged=6,
        likelihoods=40,
    ),
    "cpu": Settings(
        families=20,
        unseen=53,
        instances=8,
        poses=3,
        trials=900,
        wanted=30,
        pixels=32,
        share_tower=True,
        channels=(16, 32, 32, 64, 64),
        kernels=(3, 3, 3, 3, 3),
        pool_after=(1, 3),
        sizes=(4096, 8192, 10**9),
        steps=3000,
        batch=100,
        rate=1e-3,
        seeds=1,
        judged=300,
    ),
    "paper": Settings(
        families=20,
        unseen=53,
        instances=8,
        poses=4,
        trials=2000,
        wanted=80,
        pixels=64,
        share_tower=False,
        channels=(16, 32, 32, 64, 64),
        kernels=(7, 5, 5, 5, 3),
        pool_after=(2, 4),
        sizes=(16384, 32768, 10**9),
        steps=21200,
        batch=100,
        rate=1e-3,
        seeds=3,
        judged=2000,
        likelihoods=5000,
    ),
}

import dataclasses


@dataclasses.dataclass(frozen=True)
class Settings:
    """Sizes of one run of the study; by default what two ordinary processors can do.

    - `families`, `unseen`: how many of the 20 and 53; `instances`: training objects of each family.
    - `poses`: resting poses of each object; `trials`: picks tried in each pose; `wanted`: successes kept of each pose,
      `tested` of those of test objects.
    - `aim`: what the camera looks at: the middle of the `object`, or of the `contacts`, so that the picture holds part of the answer.
    - `pixels`: of a side of the pictures the networks see; `colours`: whether they see red, green and blue, which in
      simulation tell one object from another, but nothing about shapes.
    - `share_tower`, `channels`, `kernels`, `pool_after`, `stride`, `cells`, `features`, `generator`: of the networks; see
      `NetworkInNetwork` and `CVAE`.
    - `sizes`: numbers of training grasps to compare (the paper's three); the largest stands for all there are.
    - `steps`, `batch`, `rate`: of Adam; with `decay` the rate falls to nothing along a cosine.
    - `seeds`: how many networks are trained with all grasps, of the two kinds that are compared: CNN and R-CVAE.
    - `mirrored`: whether the mirror images of the training grasps are learnt from too (in the camera's axes only).
    - `judged`: test grasps whose predictions are tried in simulation, for each of the two test sets.
    - `frame`: axes in which grasps are written: the paper's `principal`, or the `camera`'s.
    """

    families: int = 20
    unseen: int = 53
    instances: int = 8
    poses: int = 4
    trials: int = 600
    wanted: int = 25
    tested: int = 6
    aim: str = "object"
    pixels: int = 32
    colours: bool = False
    share_tower: bool = True
    channels: tuple[int, ...] = (16, 32)
    kernels: tuple[int, ...] = (5, 3)
    pool_after: tuple[int, ...] = (1,)
    stride: int = 2
    cells: int = 4
    features: int = 128
    generator: tuple[int, ...] = (128,)
    sizes: tuple[int, ...] = (4096, 8192, 10**9)
    steps: int = 2000
    batch: int = 100
    rate: float = 1e-3
    decay: bool = True
    seeds: int = 3
    judged: int = 120
    likelihoods: int = 1000
    frame: str = "camera"
    mirrored: bool = True

    def collected(self) -> dict[str, int | str]:
        """What decides which grasps are collected."""
        return {
            name: getattr(self, name)
            for name in ("families", "unseen", "instances", "poses", "trials", "wanted", "tested", "aim")
        }


PRESETS = {
    "tiny": Settings(
        families=3,
        unseen=2,
        instances=2,
        poses=1,
        trials=150,
        wanted=20,
        tested=20,
        pixels=16,
        channels=(8, 16),
        kernels=(3, 3),
        pool_after=(1, 2),
        stride=1,
        cells=1,
        sizes=(10**9,),
        steps=60,
        batch=50,
        rate=3e-3,
        seeds=1,
        judged=6,
        likelihoods=40,
    ),
    "cpu": Settings(),
    "paper": Settings(
        trials=2000,
        wanted=80,
        tested=80,
        pixels=64,
        colours=True,
        share_tower=False,
        channels=(16, 32, 32, 64, 64),
        kernels=(7, 5, 5, 5, 3),
        pool_after=(2, 4),
        stride=1,
        cells=1,
        features=64,
        generator=(),
        sizes=(16384, 32768, 42351),
        steps=21200,
        decay=False,
        judged=2000,
        likelihoods=5000,
        frame="principal",
        mirrored=False,
    ),
}
